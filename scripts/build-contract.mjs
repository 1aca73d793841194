/**
 * Writes what both sides know of the kernels from src/engine/kernels/contract.yaml: kernels/arguments.h for C, and
 * lowering/contract.ts and lowering/calls.ts for TypeScript.
 *
 *     node scripts/build-contract.mjs             writes the files
 *     node scripts/build-contract.mjs --check     fails when they are not what the contract gives
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = `${root}src/engine/kernels/contract.yaml`;
const SCALARS = { int: 'int32_t', word: 'int32_t', float: 'float' };
const LINES = ['read', 'write', 'update'];
const RESERVED = ['items', 'scratch', 'tails', 'like'];

/** The files, by their paths, for the text of a contract. */
export function generate(text) {
  const contract = read(parse(text));
  return {
    'src/engine/kernels/arguments.h': header(contract),
    'src/engine/lowering/contract.ts': constants(contract),
    'src/engine/lowering/calls.ts': emitters(contract),
  };
}

/** The contract as data: every argument taken apart, every name looked up. */
function read({ fixed, told, functions, results, records, kernels, training }) {
  const numbers = Object.entries(fixed).map(([name, said]) => {
    const [, value, doc] = said.match(/^(\d+), (.*)$/);
    return { name, value: Number(value), doc };
  });
  const fieldsOf = (all) => Object.entries(all).map(([name, said]) => field(name, said, records));
  const calls = Object.entries({ ...kernels, ...training }).map(([name, told]) => {
    const own = told.like ? (kernels[told.like] ?? training[told.like]) : told;
    const fields = fieldsOf(
      Object.fromEntries(Object.entries(own).filter(([key]) => !RESERVED.includes(key))),
    );
    const tails = Object.entries(own.tails ?? {}).map(([tail, record]) => ({ name: tail, record }));
    for (const { record } of tails)
      if (!records[record]) throw new Error(`${name}: there is no record ${record}`);
    return {
      name,
      like: told.like,
      fields,
      tails,
      items: own.items,
      scratch: own.scratch,
      inference: name in kernels,
    };
  });
  return {
    ...{
      numbers,
      told: Object.entries(told).map(([name, doc]) => ({ name, doc })),
      functions,
      results,
      calls,
    },
    records: Object.entries(records).map(([name, all]) => ({ name, fields: fieldsOf(all) })),
  };
}

function field(name, said, records) {
  const [, kind, missing, length, doc] = said.match(/^(\w+)(\?)?(?:\[(\d+)\])?(?:, (.*))?$/) ?? [];
  if (!(kind in SCALARS || LINES.includes(kind) || kind in records))
    throw new Error(`'${name}: ${said}' is of no kind`);
  return { name, kind, optional: missing !== undefined, length: length && Number(length), doc };
}

const isLine = ({ kind }) => LINES.includes(kind);
const capitals = (name) => name.toUpperCase();
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const pascal = (name) => camel(`_${name}`);

/** An expression with each of its names written by `name`, and ceil_div by `divide`. */
function written(expression, name, divide) {
  return expression.replace(/[a-z_]\w*(\.\w+)?/gi, (found) => (found === 'ceil_div' ? divide : name(found)));
}

/** The contract in words that both sides carry, a line for each thing: whatever differs, a line differs. */
function lines({ numbers, told, functions, results, records, calls }) {
  const fieldText = ({ name, kind, optional, length }) =>
    `${name}:${kind}${optional ? '?' : ''}${length ? `[${length}]` : ''}`;
  return [
    ...numbers.map(({ name, value }) => `${name}=${value}`),
    `told ${told.map(({ name }) => name).join(' ')}`,
    `functions ${functions.join(' ')}`,
    `results ${results.join(' ')}`,
    ...records.map(({ name, fields }) => `record ${name}(${fields.map(fieldText).join(' ')})`),
    ...calls.map(({ name, like, fields, tails, items, scratch }) =>
      like
        ? `${name} like ${like}`
        : [
            `${name}(${[...fields.map(fieldText), ...tails.map((t) => `${t.name}:${t.record}[]`)].join(' ')})`,
            ...(scratch ? [`scratch ${scratch}`] : []),
            `items ${items}`,
          ].join(' '),
    ),
  ];
}

const NOTE = 'Written by scripts/build-contract.mjs from contract.yaml: not to be edited.';

function header(contract) {
  const { numbers, told, functions, results, records, calls } = contract;
  const cType = ({ kind }) => SCALARS[kind] ?? (LINES.includes(kind) ? 'int32_t' : kind);
  const member = (f) => {
    const about = [isLine(f) && `${f.kind}${f.optional ? ', or −1' : ''}`, f.doc].filter(Boolean).join(': ');
    return `  ${cType(f)} ${f.name}${f.length ? `[${f.length}]` : ''};${about ? ` /* ${about} */` : ''}`;
  };
  const struct = (name, members) => ['typedef struct {', ...members, `} ${name};`].join('\n');
  const names = new Set([...numbers, ...told].map(({ name }) => name));
  const inC = (expression) => written(expression, (n) => (names.has(n) ? n : `(int64_t)a->${n}`), 'ceil_div');
  const computed = (call, what, expression) =>
    [
      `INLINE int64_t ${call.name}_${what}(const void *arguments) {`,
      `  const ${call.name}_arguments *a = arguments;`,
      `  return (void)a, ${inC(String(expression))};`,
      '}',
    ].join('\n');
  const tail = (call, i) => {
    const { name, record } = call.tails[i];
    const before = call.tails[i - 1];
    const at = before ? `${call.name}_${before.name}(a) + a->${before.name}` : 'a + 1';
    return `INLINE const ${record} *${call.name}_${name}(const ${call.name}_arguments *a) { return (const ${record} *)(${at}); }`;
  };
  const whole = (call) => {
    if (call.like) return `typedef ${call.like}_arguments ${call.name}_arguments;`;
    const counts = call.tails.map(({ name }) => `  int32_t ${name}; /* how many */`);
    const scratch = call.scratch ? ['  int32_t scratch; /* of each thread, thread by thread */'] : [];
    return [
      struct(`${call.name}_arguments`, [...counts, ...call.fields.map(member), ...scratch]),
      ...(call.scratch ? [computed(call, 'scratch', call.scratch)] : []),
      ...call.tails.map((_, i) => tail(call, i)),
    ].join('\n');
  };
  const described = (call) => {
    const own = call.like ? calls.find(({ name }) => name === call.like) : call;
    const args = `${call.name}_arguments`;
    const lineOf = (f, type) => `{"${f.name}", offsetof(${type}, ${f.name}) / 4, ${f.optional ? 1 : 0}}`;
    const all = [...own.fields.filter(isLine).map((f) => lineOf(f, args))];
    if (own.scratch) all.push(`{"scratch", offsetof(${args}, scratch) / 4, 0}`);
    const tails = own.tails.map(({ name, record }) => {
      const line = records.find((r) => r.name === record).fields.findIndex(isLine);
      const at =
        line < 0
          ? -1
          : `offsetof(${record}, ${records.find((r) => r.name === record).fields[line].name}) / 4`;
      return `{"${name}", offsetof(${args}, ${name}) / 4, sizeof(${record}) / 4, ${at}}`;
    });
    return [
      ...(call.like
        ? [`#define ${call.name}_items ${call.like}_items`]
        : [computed(call, 'items', call.items)]),
      `static const line_argument ${call.name}_lines[] = {${[...all, '{0}'].join(', ')}};`,
      `static const tail_argument ${call.name}_tails[] = {${[...tails, '{0}'].join(', ')}};`,
      ...(own.scratch ? [] : [`#define ${call.name}_scratch 0`]),
    ].join('\n');
  };
  const listed = (some) => some.map(({ name }) => `K(${name})`).join(' ');
  return `/* ${NOTE} */
#ifndef ESPALIER_ARGUMENTS_H
#define ESPALIER_ARGUMENTS_H

${numbers.map(({ name, value, doc }) => `#define ${name} ${value} /* ${doc} */`).join('\n')}

INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Functions of map, and how its results are made. */
enum { ${functions.map((name) => `F_${capitals(name)}`).join(', ')} };
enum { ${results.map((name) => `MAP_${capitals(name)}`).join(', ')} };

${records.map(({ name, fields }) => struct(name, fields.map(member))).join('\n\n')}

/* The arguments of each kernel: words of a step. A line is where a buffer begins. */
${calls.map(whole).join('\n\n')}

/* Kernels that inference needs, and those that training needs besides. */
#define INFERENCE(K) ${listed(calls.filter((c) => c.inference))}
#define TRAINING(K) ${listed(calls.filter((c) => !c.inference))}

/* What follows from the instruction set. */
#define TOLD(K) ${listed(told)}

#define CONTRACT \\
${lines(contract)
  .map((line) => `  ${JSON.stringify(`${line}\n`)}`)
  .join(' \\\n')}

#ifdef ESPALIER_CHECKED
/* Which words of a step are lines, and what its items and its scratch are: for checks.h. */
#include <stddef.h>
typedef struct { const char *name; int at, optional; } line_argument;
typedef struct { const char *name; int count_at, words, line_at; } tail_argument;

${calls.map(described).join('\n\n')}
#endif

#endif
`;
}

/** A sentence above a declaration. */
const said = (doc) => (doc ? `/** ${doc[0].toUpperCase()}${doc.slice(1)}. */\n` : '');

function constants(contract) {
  const { numbers, told, functions, results, records } = contract;
  const head = records.find(({ name }) => name === 'step_head');
  return `/** What both sides of the kernels' contract count with. ${NOTE} */

${numbers.map(({ name, value, doc }) => `${said(doc)}export const ${name} = ${value};`).join('\n')}

/** What follows from the instruction set; the module tells it. */
export interface Told {
${told.map(({ name, doc }) => `${said(doc)}readonly ${name}: number;`).join('\n')}
}

/** Functions of map by their numbers. */
export const FUNCTIONS = { ${functions.map((name, i) => `${camel(name)}: ${i}`).join(', ')} } as const;

/** How results of map are made, by number. */
export const RESULTS = { ${results.map((name, i) => `${name}: ${i}`).join(', ')} } as const;

/** Where in a step's head, before its arguments, each word stands. */
export const STEP = { ${head.fields.map(({ name }, i) => `${name}: ${i}`).join(', ')} } as const;
export const STEP_HEAD = ${head.fields.length};

/** The contract that this side was compiled from; every module carries its own. */
export const CONTRACT = ${JSON.stringify(lines(contract).map((line) => `${line}\n`))}.join('');
`;
}

function emitters({ numbers, told, records, calls }) {
  const fixed = new Set(numbers.map(({ name }) => name));
  const known = new Set(told.map(({ name }) => name));
  const typeOf = (f) => {
    if (isLine(f)) return f.optional ? 'Line | undefined' : 'Line';
    if (f.kind === 'word') return 'number | { float: number }';
    if (f.kind in SCALARS) return f.length ? 'readonly number[]' : 'number';
    return pascal(f.kind);
  };
  const members = (fields) => fields.map((f) => `${said(f.doc)}${camel(f.name)}: ${typeOf(f)};`).join('\n');
  const words = (fields, from) =>
    fields.map((f) => {
      const at = `${from}.${camel(f.name)}`;
      if (isLine(f)) return f.optional ? `${at} ?? NONE` : at;
      if (f.kind === 'float') return `{ float: ${at} }`;
      if (f.length) return `...exactly(${f.length}, ${at})`;
      if (f.kind in SCALARS) return at;
      return `...${camel(f.kind)}(${at})`;
    });
  const inTypescript = (expression) =>
    written(
      String(expression),
      (n) => (fixed.has(n) ? n : known.has(n) ? `told.${n}` : `a.${n.split('.').map(camel).join('.')}`),
      'ceilDiv',
    );
  const body = (call) => {
    const all = [
      ...call.tails.map(({ name }) => `a.${camel(name)}.length`),
      ...words(call.fields, 'a'),
      ...(call.scratch ? [`{ buffer: scratch(${inTypescript(call.scratch)}) }`] : []),
      ...call.tails.map(({ name, record }) => `...a.${camel(name)}.flatMap(${camel(record)})`),
    ];
    return `[${all.join(', ')}]`;
  };
  const own = calls.filter((call) => !call.like);
  const likeOf = (call) => calls.find(({ name }) => name === (call.like ?? call.name));
  const used = records.filter(({ name }) => name !== 'step_head');
  const expressions = own.map(({ items, scratch }) => `${items} ${scratch}`).join(' ');
  const needed = numbers.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(expressions));
  return `/** How kernels are called: arguments by name, items and scratch memory as the contract says. ${NOTE} */
import { ${[...needed.map(({ name }) => name), 'type Told'].join(', ')} } from './contract.js';
import type { Buffer, Line, Word } from './place.js';

${used.map(({ name, fields }) => `export interface ${pascal(name)} {\n${members(fields)}\n}`).join('\n\n')}

${own
  .map(({ name, fields, tails }) => {
    const lists = tails.map((tail) => `${camel(tail.name)}: readonly ${pascal(tail.record)}[];`).join('\n');
    return `export interface ${pascal(name)}Call {\n${members(fields)}\n${lists}\n}`;
  })
  .join('\n\n')}

/** A function for each kernel, which adds a call of it to the program. */
export interface Calls {
${calls.map((call) => `${camel(call.name)}(call: ${pascal(likeOf(call).name)}Call): void;`).join('\n')}
}

/** Where calls go, and what they need to know of the machine. */
export interface Caller {
  told: Told;
  step(kernel: string, items: number, words: Word[]): void;
  /** Memory of so many lines for each thread. */
  scratch(lines: number): Buffer;
}

/** "No line", in the place of one that may be missing. */
const NONE = -1;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

function exactly(count: number, numbers: readonly number[]): readonly number[] {
  if (numbers.length !== count) throw new Error(\`A kernel wants \${count} numbers, not \${numbers.length}\`);
  return numbers;
}

${used.map(({ name, fields }) => `const ${camel(name)} = (r: ${pascal(name)}): Word[] => [${words(fields, 'r').join(', ')}];`).join('\n')}

${own
  .filter(({ name }) => calls.some(({ like }) => like === name))
  .map(
    (call) => `const wordsOf${pascal(call.name)} = (a: ${pascal(call.name)}Call): Word[] => ${body(call)};`,
  )
  .join('\n')}

export const callsTo = ({ told, step, scratch }: Caller): Calls => ({
${calls
  .map((call) => {
    const from = likeOf(call);
    const shared = calls.some(({ like }) => like === from.name);
    const all = shared ? `wordsOf${pascal(from.name)}(a)` : body(from);
    return `${camel(call.name)}(a) { step('${call.name}', ${inTypescript(from.items)}, ${all}); },`;
  })
  .join('\n')}
});
`;
}

/** As biome writes it. */
export function formatted(path, text) {
  const biome = `${root}node_modules/@biomejs/biome/bin/biome`;
  const args = [biome, 'check', '--write', `--stdin-file-path=${path}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    input: text,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const checking = process.argv.includes('--check');
  for (const [path, text] of Object.entries(generate(readFileSync(source, 'utf8')))) {
    const wanted = path.endsWith('.ts') ? formatted(path, text) : text;
    if (!checking) writeFileSync(`${root}${path}`, wanted);
    else if (readFileSync(`${root}${path}`, 'utf8') !== wanted) {
      console.error(`contract: ${path} is stale; npm run build:contract, and commit`);
      process.exitCode = 1;
    }
  }
}
