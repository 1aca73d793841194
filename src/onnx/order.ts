/** Puts nodes into topological order and finds what does not fit together: values made twice, missing, or in a circle. */
import { fail } from '../base/index.js';
import { usedValues } from './attributes.js';
import type { Node } from './model.js';

/**
 * The nodes in an order in which every value is made before it is used; an order that is so already stays.
 * @param given names of the graph's inputs and initialisers
 * @param wanted names of the graph's outputs
 * @param where begins the sentences, e.g. the file's name
 * @throws UserError for a value made twice, a value nobody makes, a cycle.
 */
export function sorted(
  nodes: readonly Node[],
  given: Iterable<string>,
  wanted: readonly string[],
  where: string,
): Node[] {
  const makers = new Map<string, Node | undefined>();
  for (const name of given) {
    if (makers.has(name)) fail(`${where}: value ${name} is given twice; the model is not valid ONNX.`);
    makers.set(name, undefined);
  }
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (makers.has(name))
        fail(
          `${where}: value ${name} is given twice, the second time by node ${node.name}; the model is not valid ONNX.`,
        );
      makers.set(name, node);
    }
  }
  for (const name of wanted) {
    if (!makers.has(name)) fail(`${where}: output ${name} is made by no node; the model is not valid ONNX.`);
  }
  const needs = new Map(nodes.map((node) => [node, neededBy(node, makers, where)]));
  return depthFirst(nodes, needs, where);
}

function neededBy(node: Node, makers: ReadonlyMap<string, Node | undefined>, where: string): Node[] {
  return usedValues(node).flatMap((name) => {
    if (!makers.has(name))
      fail(
        `${where}: node ${node.name} (${node.op}) needs value ${name}, which nobody makes; the model is not valid ONNX.`,
      );
    return makers.get(name) ?? [];
  });
}

/** Each node after all it needs, on an explicit stack: a network may be deeper than the call stack. */
function depthFirst(nodes: readonly Node[], needs: ReadonlyMap<Node, Node[]>, where: string): Node[] {
  const done = new Set<Node>();
  const open = new Map<Node, Iterator<Node>>();
  for (const root of nodes) {
    const stack = done.has(root) ? [] : [root];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      if (!open.has(node)) open.set(node, needs.get(node)!.values());
      const next = open.get(node)!.next();
      if (next.done) {
        done.add(node);
        open.delete(node);
        stack.pop();
      } else if (open.has(next.value)) {
        fail(
          `${where}: node ${next.value.name} (${next.value.op}) needs its own result, round a cycle; the model is not valid ONNX.`,
        );
      } else if (!done.has(next.value)) {
        stack.push(next.value);
      }
    }
  }
  return [...done];
}

/** Gives every node a name of its own: the file's where it has one that is free, else one made of it or of the operator. */
export function named<T extends { name: string; op: string }>(nodes: readonly T[]): T[] {
  const taken = new Set(nodes.map((node) => node.name));
  const used = new Set<string>();
  const counts = new Map<string, number>();
  return nodes.map((node) => {
    let name = node.name;
    for (const stem = name || node.op || 'node'; name === '' || used.has(name); ) {
      const count = (counts.get(stem) ?? 0) + 1;
      counts.set(stem, count);
      if (!taken.has(`${stem}_${count}`)) name = `${stem}_${count}`;
    }
    used.add(name);
    taken.add(name);
    return { ...node, name };
  });
}
