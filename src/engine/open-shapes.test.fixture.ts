/** For tests and docs/models.md: the shapes at which real models are run that leave some of theirs open. */

type Shapes = Readonly<Record<string, readonly number[]>>;

const past: Shapes = Object.fromEntries([0, 1, 2, 3, 4].map((i) => [`past_${i}`, [2, 1, 4, 2, 8]]));
const silero: Shapes = { input: [1, 512], state: [2, 1, 128] };

/** By the name of the model's file. */
export const openShapes: Readonly<Record<string, Shapes>> = {
  bert_toy_optimized: { input_ids: [1, 12], token_type_ids: [1, 12], input_mask: [1, 12] },
  ppocr_cls_v2: { x: [1, 3, 48, 192] },
  silero_vad_16k: silero,
  tiny_random_gpt2_ortfused: {
    input_ids: [1, 4],
    position_ids: [1, 4],
    attention_mask: [1, 6],
    ...past,
  },
  'ch_PP-OCRv4_det_infer': { x: [1, 3, 320, 320] },
  'ch_PP-OCRv4_rec_infer': { x: [1, 3, 48, 320] },
  'ch_ppocr_mobile_v2.0_cls_infer': { x: [1, 3, 48, 192] },
  silero_vad_legacy: { input: [1, 512], h: [2, 1, 64], c: [2, 1, 64] },
  silero_vad_v5: silero,
  silero_vad_v6: silero,
};
