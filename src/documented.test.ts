/** Whatever the package exports, and every option and field of it, says in an editor what it is. */
import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  API,
  type Checker,
  type Project,
  SignatureKind,
  SymbolFlags,
  type Symbol as TsSymbol,
  type Type,
} from 'typescript/unstable/sync';
import { settingsOf } from './runs/index.js';

const root = realpathSync(fileURLToPath(new URL('../', import.meta.url)));
const modules = ['dist/index.d.ts', 'dist/runtime/index.d.ts', 'dist/web/index.d.ts'];
const TYPES = SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Class;

/** What users' editors read: the declarations in dist. */
function declarations(t: { after: (done: () => void) => void }): Project {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'espalier-documented-')));
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    module: 'nodenext',
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, files: modules.map((file) => join(root, file)) }));
  const api = new API({ cwd: root });
  t.after(() => {
    api.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return api.updateSnapshot({ openProjects: [config] }).getProjects()[0];
}

const aliased = (checker: Checker, symbol: TsSymbol): TsSymbol =>
  symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

/** Members of a type, of each of its forms where it has several, that are declared in this package. */
function membersOf(checker: Checker, type: Type): TsSymbol[] {
  if (type.isUnionType()) return (type.getTypes() ?? []).flatMap((form) => membersOf(checker, form));
  if (!type.isObjectType() && !type.isIntersectionType()) return [];
  const own = ({ path }: { path: string }): boolean =>
    path.startsWith(join(root, 'dist').replaceAll('\\', '/')) && !path.includes('/base/setting.d.ts');
  return checker.getPropertiesOfType(type).filter(({ declarations }) => declarations.some(own));
}

/** The options of a function: what its parameters are made of. */
const optionsOf = (checker: Checker, symbol: TsSymbol): TsSymbol[] => {
  const type = symbol.flags & SymbolFlags.Function ? checker.getTypeOfSymbol(symbol) : undefined;
  return (type ? checker.getSignaturesOfType(type, SignatureKind.Call) : []).flatMap((signature) =>
    signature.parameters.flatMap((_, i) => {
      const given = checker.getParameterType(signature, i);
      return given ? membersOf(checker, given) : [];
    }),
  );
};

test('every export, every option and every field has a doc comment, and settings show their help', (t) => {
  const { program, checker } = declarations(t);
  const helpOf = (symbol: TsSymbol): string => checker.getDocumentationCommentOfSymbol(symbol);
  const bare = new Set<string>();
  const options = new Map<string, string>();
  for (const file of modules) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, file))!);
    const exported = checker.getExportsOfModule(module!);
    assert.ok(exported.length > 5, `${file} exports ${exported.length} names`);
    for (const name of exported) {
      const symbol = aliased(checker, name);
      const named = symbol.flags & SymbolFlags.ValueModule ? checker.getExportsOfModule(symbol) : [symbol];
      for (const part of named.filter((one) => !helpOf(one)))
        bare.add(`${file}: ${name.name} (${part.name})`);
      const fields = symbol.flags & TYPES ? membersOf(checker, checker.getDeclaredTypeOfSymbol(symbol)) : [];
      for (const member of [...fields, ...optionsOf(checker, symbol)]) {
        if (!helpOf(member)) bare.add(`${file}: ${name.name}.${member.name}`);
        options.set(`${name.name}.${member.name}`, helpOf(member));
      }
    }
  }
  assert.deepEqual([...bare], []);
  for (const [name, { about }] of Object.entries(settingsOf.train))
    if (name !== 'data')
      assert.equal(options.get(`TrainSettings.${name}`)?.slice(1).replace(/\.$/, ''), about.slice(1), name);
});
