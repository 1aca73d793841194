/** For tests: the groups of every shape of trouble, and what stays there for another reason than being an input or an output. */
export const expected: Record<string, { groups: string[]; frozen: string[] }> = {
  chain: {
    groups: ['8: a.0 out, a.b.0 along, b.1 in', '6: b.0 out, b.b.0 along, head.1 in'],
    frozen: [],
  },
  'residual sum': {
    groups: [
      '8: a.0 out, a.b.0 along, b.1 in, c.0 out, c.b.0 along, head.1 in',
      '6: b.0 out, b.b.0 along, c.1 in',
    ],
    frozen: [],
  },
  'residual sum, broadcast from one channel': {
    groups: ['8: a.0 out, a.b.0 along, head.1 in'],
    frozen: ['b.0 out: it has one position only'],
  },
  'shortcut by slicing and padding (option A)': {
    groups: [
      '4: a.0 out, a.b.0 along, b.0 out, b.1 in, b.b.0 along, bn.scale.0 along, bn.bias.0 along, bn.mean.0 along, bn.var.0 along, head.1 in',
      '4: b.0 out, b.b.0 along, bn.scale.0 along, bn.bias.0 along, bn.mean.0 along, bn.var.0 along, head.1 in',
    ],
    frozen: [],
  },
  concatenation: {
    groups: [
      '4: a.0 out, a.b.0 along, bn.scale.0 along, bn.bias.0 along, bn.mean.0 along, bn.var.0 along, head.1 in',
      '6: b.0 out, b.b.0 along, bn.scale.0 along, bn.bias.0 along, bn.mean.0 along, bn.var.0 along, head.1 in',
    ],
    frozen: [],
  },
  'concatenation of a value with itself': {
    groups: ['4: a.0 out, a.b.0 along, head.1 in ×2'],
    frozen: [],
  },
  'cascaded concatenations': {
    groups: [
      '4: a.0 out, a.b.0 along, b.1 in, c.1 in, head.1 in',
      '3: b.0 out, b.b.0 along, c.1 in, head.1 in',
      '5: c.0 out, c.b.0 along, head.1 in',
    ],
    frozen: [],
  },
  'split in halves': {
    groups: ['4: a.0 out ×2, a.b.0 along ×2, head.1 in'],
    frozen: [],
  },
  'split in unequal parts': {
    groups: [
      '5: a.0 out, a.b.0 along, b.1 in',
      '3: a.0 out, a.b.0 along, head.1 in',
      '4: b.0 out, b.b.0 along, head.1 in',
    ],
    frozen: [],
  },
  'slices next to each other': {
    groups: [
      '3: a.0 out, a.b.0 along, b.1 in',
      '5: a.0 out, a.b.0 along, c.1 in',
      '4: b.0 out, b.b.0 along, head.1 in',
    ],
    frozen: [],
  },
  'slices in steps, forwards and backwards': {
    groups: ['4: a.0 out ×2, a.b.0 along ×2, head.1 in'],
    frozen: [],
  },
  'channel shuffle': {
    groups: ['4: a.0 out ×2, a.b.0 along ×2, b.1 in ×2', '4: b.0 out, b.b.0 along, head.1 in'],
    frozen: [],
  },
  'channel shuffle with the batch folded in': {
    groups: ['4: a.0 out ×2, a.b.0 along ×2, b.1 in, head.1 in', '4: b.0 out, b.b.0 along, head.1 in'],
    frozen: [],
  },
  'pixel shuffle': {
    groups: ['3: a.0 out ×4, a.b.0 along ×4, b.1 in'],
    frozen: [],
  },
  'depth to space and back': {
    groups: ['3: a.0 out ×4, a.b.0 along ×4, b.1 in ×4'],
    frozen: [],
  },
  'flatten after a convolution': {
    groups: ['4: a.0 out, a.b.0 along, fc.1 in ×64'],
    frozen: [],
  },
  'reshape to a shape that is computed': {
    groups: ['4: a.0 out, a.b.0 along, fc.0 in ×64'],
    frozen: [],
  },
  'squeeze and excitation': {
    groups: [
      '8: a.0 out, a.b.0 along, down.1 in, up.0 out, up.b.0 along, head.1 in',
      '4: down.0 out, down.b.0 along, up.1 in',
    ],
    frozen: [],
  },
  'depth-wise convolution': {
    groups: ['8: a.0 out, a.b.0 along, dw.0 out, dw.b.0 along, head.1 in'],
    frozen: [],
  },
  'depth-wise convolution with multiplier 2': {
    groups: ['4: a.0 out, a.b.0 along, dw.0 out ×2, dw.b.0 along ×2, head.1 in ×2'],
    frozen: [],
  },
  'grouped convolution: whole groups': {
    groups: ['4: a.0 out ×2, a.b.0 along ×2, g.0 out ×2, g.b.0 along ×2, head.1 in ×2'],
    frozen: ["g.1 in: its positions are regrouped with other axes by Conv 'Conv2'"],
  },
  'grouped convolution: the same channels of every group': {
    groups: ['6: a.0 out ×2, a.b.0 along ×2, g.1 in', '3: g.0 out ×2, g.b.0 along ×2, head.1 in ×2'],
    frozen: [],
  },
  'grouped convolution with shuffle, as in ShuffleNet': {
    groups: [
      '4: a.0 out ×2, a.b.0 along ×2, g.1 in',
      '2: g.0 out ×4, g.b.0 along ×4, dw.0 out ×4, dw.b.0 along ×4, h.0 out ×4, h.b.0 along ×4, head.1 in ×4',
    ],
    frozen: ["h.1 in: its positions are regrouped with other axes by Conv 'Conv10'"],
  },
  'one channel in, one out is not depth-wise': {
    groups: ['4: b.0 out, b.b.0 along, head.1 in'],
    frozen: ['a.0 out: it has one position only', 'one.0 out: it has one position only'],
  },
  'transposed convolution': {
    groups: ['6: a.0 out, a.b.0 along, up.0 in', '4: up.1 out, up.b.0 along, b.1 in'],
    frozen: [],
  },
  'grouped transposed convolution': {
    groups: ['3: a.0 out ×2, a.b.0 along ×2, up.0 in ×2, up.b.0 along ×2, b.1 in ×2'],
    frozen: ["up.1 out: its positions are regrouped with other axes by ConvTranspose 'ConvTranspose2'"],
  },
  'a weight that two nodes share': {
    groups: ['6: a.0 out, a.b.0 along, w.0 out, w.1 in, head.1 in'],
    frozen: [],
  },
  'Gemm either way round': {
    groups: ['8: a.1 out, a.b.0 along, b.1 in', '6: b.0 out, b.b.1 along, c.0 in'],
    frozen: [],
  },
  'weights from the left': {
    groups: ['8: a.0 out, b.1 in'],
    frozen: [],
  },
  'a weight behind a transpose': {
    groups: ['8: a.0 out, b.0 in'],
    frozen: [],
  },
  'slopes and learnt scales': {
    groups: ['8: a.0 out, a.b.0 along, slope.0 along, gamma.1 along, head.1 in'],
    frozen: [],
  },
  'layer normalisation keeps what it averages over': {
    groups: ['6: b.1 out, b.b.0 along, c.0 in'],
    frozen: [
      "a.1 out: its positions are summed, averaged or compared by LayerNormalization 'LayerNormalization2'",
      "b.0 in: its positions are summed, averaged or compared by LayerNormalization 'LayerNormalization2'",
    ],
  },
  'instance normalisation': {
    groups: ['8: a.0 out, a.b.0 along, in.0 along, in.b.0 along, head.1 in'],
    frozen: [],
  },
  'group normalisation goes by whole groups': {
    groups: ['4: a.0 out ×2, a.b.0 along ×2, gn.0 along ×2, gn.b.0 along ×2, head.1 in ×2'],
    frozen: [],
  },
  'group normalisation as PyTorch writes it': {
    groups: [
      '4: a.0 out ×2, a.b.0 along ×2, one.0 along, zero.0 along, gn.0 along ×2, gn.b.0 along ×2, head.1 in ×2',
    ],
    frozen: [],
  },
  'local response normalisation mixes neighbours': {
    groups: ['4: b.0 out, b.b.0 along, head.1 in'],
    frozen: [
      "a.0 out: its positions are mixed by LRN 'LRN1'",
      "b.1 in: its positions are mixed by LRN 'LRN1'",
    ],
  },
  embedding: {
    groups: ['6: table.1 out, places.1 along, a.0 in'],
    frozen: ["table.0 in: its positions are looked up by Gather 'Gather0'"],
  },
  'attention: dimensions of all heads': {
    groups: [
      '4: q.1 out ×3, q.b.0 along ×3, k.1 out ×3, k.b.0 along ×3',
      '4: v.1 out ×3, v.b.0 along ×3, o.0 in ×3',
    ],
    frozen: [],
  },
  'attention: whole heads': {
    groups: [
      '3: q.1 out ×4, q.b.0 along ×4, k.1 out ×4, k.b.0 along ×4, v.1 out ×4, v.b.0 along ×4, o.0 in ×4',
    ],
    frozen: [],
  },
  'attention with 1/√d from the shape': {
    groups: [
      '4: q.1 out ×3, q.b.0 along ×3, k.1 out ×3, k.b.0 along ×3',
      '4: v.1 out ×3, v.b.0 along ×3, o.0 in ×3',
    ],
    frozen: [],
  },
  'attention by Einsum: dimensions of all heads': {
    groups: [
      '6: embed.1 out, embed.b.0 along, q.0 in, k.0 in, v.0 in',
      '4: q.2 out, k.2 out',
      '4: v.2 out, o.1 in',
      '6: o.2 out, head.0 in',
    ],
    frozen: [
      "q.1 out: its positions are regrouped with other axes by Einsum 'Einsum2'",
      "k.1 out: its positions are regrouped with other axes by Einsum 'Einsum3'",
      "v.1 out: its positions are regrouped with other axes by Einsum 'Einsum4'",
      "o.0 in: its positions are regrouped with other axes by Einsum 'Einsum10'",
    ],
  },
  'attention by Einsum: whole heads': {
    groups: [
      '6: embed.1 out, embed.b.0 along, q.0 in, k.0 in, v.0 in',
      '3: q.1 out, k.1 out, v.1 out, o.0 in',
      '6: o.2 out, head.0 in',
    ],
    frozen: [
      "q.2 out: its positions are regrouped with other axes by Einsum 'Einsum2'",
      "k.2 out: its positions are regrouped with other axes by Einsum 'Einsum3'",
      "v.2 out: its positions are regrouped with other axes by Einsum 'Einsum4'",
      "o.1 in: its positions are regrouped with other axes by Einsum 'Einsum10'",
    ],
  },
  'layers by Einsum, and a gate': {
    groups: ['8: a.1 out, b.1 in', '6: b.0 out, g.0 in, g.1 out, g.b.0 along, head.0 in'],
    frozen: [],
  },
  'experts by Einsum': {
    groups: ['6: a.1 out, a.b.0 along, up.1 in', '8: up.2 out, down.1 in', '6: down.2 out, head.0 in'],
    frozen: [
      "up.0 out: its positions are regrouped with other axes by Einsum 'Einsum2'",
      "down.0 in: its positions are regrouped with other axes by Einsum 'Einsum4'",
    ],
  },
  'fused attention: dimensions of all heads': {
    groups: ['4: qkv.1 out ×9, qkv.b.0 along ×9, o.0 in ×3'],
    frozen: [],
  },
  'fused attention: whole heads': {
    groups: ['3: qkv.1 out ×12, qkv.b.0 along ×12, o.0 in ×4'],
    frozen: [],
  },
  'a product of data whose sum is not 0 without the weights': {
    groups: [],
    frozen: [
      "a.1 out: its positions are summed over by MatMul 'MatMul7', where they would not be 0 without their weights",
      "b.1 out: its positions are summed over by MatMul 'MatMul7', where they would not be 0 without their weights",
    ],
  },
  'attention with keys that several heads share': {
    groups: [
      '2: q.1 out ×6, q.b.0 along ×6, k.1 out ×3, k.b.0 along ×3, v.1 out ×3, v.b.0 along ×3, o.0 in ×6',
    ],
    frozen: [],
  },
  'rotary positions turn pairs of dimensions': {
    groups: [
      '3: q.1 out ×2, q.b.0 along ×2, k.1 out ×2, k.b.0 along ×2, cos.1 along ×2, sin.1 along ×2',
      '6: v.1 out, v.b.0 along, o.0 in',
    ],
    frozen: [],
  },
  'a gated layer by one product': {
    groups: ['6: a.1 out ×2, a.b.0 along ×2, b.0 in'],
    frozen: [],
  },
  'mixing of tokens, then of channels': {
    groups: [
      '6: in.1 out, in.b.0 along, c1.0 in',
      '8: t1.1 out, t1.b.0 along, t2.0 in',
      '9: c1.1 out, c1.b.0 along, c2.0 in',
    ],
    frozen: [],
  },
  'words that are read and predicted by the same table': {
    groups: ['6: table.1 out'],
    frozen: [],
  },
  'channels chosen by a mask that is no weight': {
    groups: ['4: a.0 out, a.b.0 along, head.1 in'],
    frozen: [],
  },
  'channels chosen by an index, some twice, and taken out singly': {
    groups: [
      '1: a.0 out, a.b.0 along, head.1 in ×2',
      '2: a.0 out, a.b.0 along',
      '2: a.0 out, a.b.0 along, head.1 in',
    ],
    frozen: [
      "a.0 out: a position of it is used by itself around Gather 'Gather4'",
      "head.1 in: a position of it is used by itself around Unsqueeze 'Unsqueeze6'",
    ],
  },
  'several inputs and outputs': {
    groups: ['6: a.0 out, a.b.0 along, b.0 out, b.b.0 along, c.1 in, head.1 in'],
    frozen: [],
  },
  'a token of zeros for every sample': {
    groups: ['6: a.1 out, a.b.0 along, token.0 along, b.0 in'],
    frozen: [],
  },
  'a learnt token repeated for every sample': {
    groups: ['6: a.1 out, a.b.0 along, token.2 along, b.0 in'],
    frozen: [],
  },
  'upsampling, tiling and padding by reflection': {
    groups: ['2: a.0 out, a.b.0 along, head.1 in ×2', '2: a.0 out, a.b.0 along, head.1 in ×3'],
    frozen: [],
  },
  'axes of size 1 squeezed by no name': {
    groups: ['2: a.0 out, a.b.0 along, b.0 out, b.b.0 along, fc.0 in'],
    frozen: [],
  },
  'channels summed up': {
    groups: ['4: a.0 out, a.b.0 along, c.1 in, d.1 in', '5: c.0 out, c.b.0 along'],
    frozen: [
      "b.0 out: its positions are summed over by ReduceSum 'ReduceSum7', where they would not be 0 without their weights",
      "d.0 out: its positions are summed, averaged or compared by ReduceMean 'ReduceMean11'",
    ],
  },
  'filters divided by their norms': {
    groups: ['8: a.0 out, a.b.0 along, b.v.1 in'],
    frozen: [
      "b.v.0 out: its positions are summed over by Gemm 'Gemm9', where they would not be 0 without their weights",
      "head.1 in: its positions are summed over by Gemm 'Gemm9', where they would not be 0 without their weights",
    ],
  },
  'quantised weights': {
    groups: ['8: a.0 out, a.scale.0 along, a.zero.0 along, b.1 in'],
    frozen: [],
  },
  'quantised weights with zero points, of a tensor and of each filter': {
    groups: ['8: a.b.0 along, a.0 out, b.1 in', '6: b.0 out, b.scale.0 along, b.zero.0 along, c.1 in'],
    frozen: [],
  },
  'quantised weights that are also read as they are stored': {
    groups: [],
    frozen: [
      "b.1 in: its positions are summed over by Conv 'Conv7', where they would not be 0 without their weights",
      "a.0 out: its positions are summed over by Conv 'Conv7', where they would not be 0 without their weights",
    ],
  },
  'the diagonal of a weight': {
    groups: ['4: c.0 out, c.b.0 along, head.1 in'],
    frozen: [
      "a.0 out: its positions are told apart by Einsum 'Einsum2'",
      "c.1 in: its positions are told apart by Einsum 'Einsum2'",
    ],
  },
  'Einsum with an ellipsis, a scale and a product of two values': {
    groups: ['8: a.0 out, b.0 along, d.1 in'],
    frozen: [
      "c.0 out: its positions are regrouped with other axes by Einsum 'Einsum5'",
      "d.0 in: its positions are regrouped with other axes by Einsum 'Einsum5'",
    ],
  },
  'a convolution whose weights are computed from data': {
    groups: [
      '6: m.1 out, m.b.0 along, n.0 in',
      '8: n.1 out ×4, n.b.0 along ×4, w.1 along, b.0 out, b.b.0 along',
      '6: a.0 out, a.b.0 along, b.1 in',
      '7: d.0 out, d.b.0 along, head.1 in',
    ],
    frozen: ["d.1 in: its positions are regrouped with other axes by Reshape 'Reshape7'"],
  },
  'a transposed convolution whose weights are computed from data': {
    groups: [
      '6: m.1 out, m.b.0 along, n.0 in',
      '6: a.0 out, a.b.0 along, b.1 in',
      '7: d.0 out, d.b.0 along, head.1 in',
    ],
    frozen: [
      "n.1 out: its positions are regrouped with other axes by Reshape 'Reshape7'",
      "b.0 out: it is used by ConvTranspose 'ConvTranspose13', whose weights or settings are computed from data",
      "d.1 in: it is used by ConvTranspose 'ConvTranspose13', whose weights or settings are computed from data",
    ],
  },
  'attention as one operator, two heads of queries for each of keys': {
    groups: [
      '3: q.1 out ×4, q.b.0 along ×4, k.1 out ×2, k.b.0 along ×2',
      '5: v.1 out ×2, v.b.0 along ×2, o.0 in ×4',
    ],
    frozen: [],
  },
  'attention as one operator: whole heads': {
    groups: [
      '2: q.1 out ×6, q.b.0 along ×6, k.1 out ×3, k.b.0 along ×3, v.1 out ×5, v.b.0 along ×5, o.0 in ×10',
    ],
    frozen: [],
  },
  'attention as one operator, heads on an axis of their own': {
    groups: [
      '4: q.1 out ×3, q.b.0 along ×3, k.1 out ×3, k.b.0 along ×3',
      '4: v.1 out ×3, v.b.0 along ×3, o.0 in',
    ],
    frozen: [],
  },
  'a norm by mean squares': {
    groups: ['12: b.1 out, b.b.0 along, c.0 in'],
    frozen: [
      "a.1 out: its positions are summed, averaged or compared by RMSNormalization 'RMSNormalization2'",
      "b.0 in: its positions are summed, averaged or compared by RMSNormalization 'RMSNormalization2'",
    ],
  },
  'a slice of weights assigned: rows are told apart, columns are not': {
    groups: [
      '8: a.1 out, a.b.0 along, base.2 along, part.2 along, b.0 in',
      '6: b.1 out, b.b.0 along, c.0 in',
    ],
    frozen: [],
  },
  'weights assigned one by one': {
    groups: ['6: b.1 out, b.b.0 along, c.0 in'],
    frozen: [
      "a.1 out: their number is fixed by ScatterElements 'ScatterElements5'",
      "b.0 in: their number is fixed by ScatterElements 'ScatterElements5'",
    ],
  },
  'weights of four bits, in blocks': {
    groups: [
      '4: a.1 out ×3, a.b.0 along ×3, b.0 in ×3',
      '8: b.1 out, b.scale.1 along, b.zero.1 along, b.b.0 along, c.0 in',
    ],
    frozen: [],
  },
  'an unknown operator in the middle': {
    groups: [
      '4: a.0 out, a.b.0 along, b.1 in',
      '6: c.0 out, c.b.0 along, d.1 in',
      '5: d.0 out, d.b.0 along, head.1 in',
    ],
    frozen: [
      "b.0 out: it is used by vendor.Swirl 'vendor.Swirl3', an operator that espalier does not know",
      "c.1 in: it is used by vendor.Swirl 'vendor.Swirl3', an operator that espalier does not know",
    ],
  },
  'RNN between layers': {
    groups: [
      '7: a.1 out, a.b.0 along, c.w.2 in',
      '8: c.w.1 out, c.r.1 out, c.r.2 in, c.b.1 along ×2, o.0 in',
    ],
    frozen: [],
  },
  'GRU between layers': {
    groups: [
      '7: a.1 out, a.b.0 along, c.w.2 in',
      '8: c.w.1 out ×3, c.r.1 out ×3, c.r.2 in, c.b.1 along ×6, o.0 in',
    ],
    frozen: [],
  },
  'LSTM between layers': {
    groups: [
      '7: a.1 out, a.b.0 along, c.w.2 in',
      '8: c.w.1 out ×4, c.r.1 out ×4, c.r.2 in, c.b.1 along ×8, o.0 in',
    ],
    frozen: [],
  },
  'GRU upon GRU in both directions, reset behind the product': {
    groups: [
      '6: c.w.1 out ×3, c.r.1 out ×3, c.r.2 in, c.b.1 along ×6, d.w.2 in ×2',
      '4: d.w.1 out ×3, d.r.1 out ×3, d.r.2 in, d.b.1 along ×6, o.0 in',
    ],
    frozen: [],
  },
  'LSTM with peepholes and initial states of its own': {
    groups: [
      '8: c.h.2 along, c.c.2 along, c.w.1 out ×4, c.r.1 out ×4, c.r.2 in, c.b.1 along ×8, c.p.1 along ×3, o.0 in',
    ],
    frozen: [],
  },
  'LSTM whose state another file gives': { groups: [], frozen: [] },
  'RNN that adds to what came in': {
    groups: ['8: a.1 out, a.b.0 along, c.w.1 out, c.w.2 in, c.r.1 out, c.r.2 in, c.b.1 along ×2, o.0 in'],
    frozen: [],
  },
};
