/**
 * Reading a node's attributes: `attr.int(node, 'axis', 0)`.
 *
 * An absent attribute gives the default; without a default, or with an attribute of another type, one sentence names
 * the node and the attribute.
 */
import { fail } from '../base/index.js';
import type { Attribute, Body, Node, Tensor } from './model.js';

type Kind = Exclude<Attribute['type'], 'opaque' | 'body'>;
type ValueOf<K extends Kind> = Extract<Attribute, { type: K }>['value'];

interface Reader<V> {
  /** @throws UserError when the attribute has another type, or is absent and no default is given. */
  (node: Node, name: string): V;
  (node: Node, name: string, fallback: V): V;
  (node: Node, name: string, fallback: undefined): V | undefined;
}

function reader<K extends Kind>(kind: K): Reader<ValueOf<K>> {
  type V = ValueOf<K>;
  return ((node: Node, name: string, ...fallback: (V | undefined)[]): unknown => {
    const found = node.attributes[name];
    if (found?.type === kind) return found.value;
    if (found) {
      fail(
        `${node.op} '${node.name}' has an attribute ${name} of type ${found.type}, not ${kind}; the model is not valid ONNX.`,
      );
    }
    if (fallback.length === 0) {
      fail(`${node.op} '${node.name}' lacks its attribute ${name}; the model is not valid ONNX.`);
    }
    return fallback[0];
  }) as Reader<V>;
}

/** Typed access to attributes by name. */
export const attr = {
  int: reader('int'),
  ints: reader('ints'),
  float: reader('float'),
  floats: reader('floats'),
  string: reader('string'),
  strings: reader('strings'),
  tensor: reader('tensor'),
};

/** What an opaque attribute's value is: the attribute as protobuf, and the enclosing graph's values its subgraphs use. */
export interface Opaque {
  bytes: Uint8Array;
  uses: string[];
}

/** What a Loop or Scan repeats; undefined for other nodes, and where it is not understood. */
export function bodyOf({ attributes }: Node): Body | undefined {
  const { body } = attributes;
  return body?.type === 'body' ? body.value : undefined;
}

/** How many inputs of a node come before those that its body takes from around it. */
export const ownInputs = (node: Node): number => node.inputs.length - (bodyOf(node)?.captures.length ?? 0);

/** Names of all values a node uses: its inputs, and what its subgraphs take from the enclosing graph. */
export function usedValues(node: Node): string[] {
  const inner = Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === 'opaque' ? (attribute.value as Opaque).uses : [],
  );
  return [...node.inputs.filter((name) => name !== ''), ...inner];
}

/** Whether the node carries the attribute. */
export const hasAttribute = (node: Node, name: string): boolean => node.attributes[name] !== undefined;

/** Attributes from plain values: `{ axis: int(1), pads: intList([1, 1, 1, 1]) }`. */
export const int = (value: number): Attribute => ({ type: 'int', value });
export const intList = (value: number[]): Attribute => ({ type: 'ints', value });
export const float = (value: number): Attribute => ({ type: 'float', value });
export const floatList = (value: number[]): Attribute => ({ type: 'floats', value });
export const string = (value: string): Attribute => ({ type: 'string', value });
export const stringList = (value: string[]): Attribute => ({ type: 'strings', value });
export const tensorValue = (value: Tensor): Attribute => ({ type: 'tensor', value });
