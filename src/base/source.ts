/** Where a method comes from. */
export interface PaperSource {
  /** Authors, title, where and when, such as 'Zhu, Gupta: "To prune, or not to prune", 2017, arXiv 1710.01878'. */
  paper: string;
  /** The part of it that describes the method, such as 'section 3'. */
  section?: string;
}
