/** For tests: matrices of a few rows, by the book. */

/** By Gauss and Jordan, with pivots. */
export function inverseOf(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r][i]) > Math.abs(rows[pivot][i])) pivot = r;
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    const factor = 1 / rows[i][i];
    for (let k = 0; k < 2 * n; k++) rows[i][k] *= factor;
    for (let r = 0; r < n; r++) {
      const other = rows[r][i];
      if (r === i || other === 0) continue;
      for (let k = 0; k < 2 * n; k++) rows[r][k] -= other * rows[i][k];
    }
  }
  return rows.map((row) => row.slice(n));
}

export const productOf = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)));
