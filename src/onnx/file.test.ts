import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { UserError } from '../base/index.js';
import { readModel, writeModel } from './file.js';
import { ModelProtoSchema } from './generated/onnx_pb.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-onnx-'));
  await mkdir(join(folder, 'net', 'weights'), { recursive: true });
  const data = new Uint8Array(Float32Array.of(9, 1, 2, 3).buffer);
  await writeFile(join(folder, 'net', 'weights', 'w.bin'), data);
  await writeFile(join(folder, 'outside.bin'), data);
  await symlink(join(folder, 'outside.bin'), join(folder, 'net', 'link.bin'));
  await symlink(join(folder, 'net', 'weights', 'w.bin'), join(folder, 'net', 'inside.bin'));
});
after(() => rm(folder, { recursive: true }));

/** A model whose one weight is stored elsewhere. */
async function stored(external: Record<string, string>, dataType = 1, dims = [2n]): Promise<string> {
  const externalData = Object.entries(external).map(([key, value]) => ({ key, value }));
  const initializer = [{ name: 'W', dims, dataType, dataLocation: 1, externalData }];
  const graph = {
    name: 'g',
    initializer,
    output: [{ name: 'W', type: { tensorType: { elemType: dataType } } }],
  };
  const path = join(folder, 'net', 'model.onnx');
  await writeFile(
    path,
    toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ version: 13n }], graph }),
    ),
  );
  return path;
}

test('external data is read at its offset, and a written model holds it', async () => {
  const location = 'weights/w.bin';
  for (const rest of [{ offset: '4', length: '8' }, { offset: '4' }] as Record<string, string>[]) {
    const graph = await readModel(await stored({ location, ...rest }));
    assert.deepEqual(graph.initializers.get('W')!.data, Float32Array.of(1, 2));
    const copy = join(folder, 'copy.onnx');
    await writeModel(copy, graph);
    assert.deepEqual(await readModel(copy), graph);
  }
  const bfloat = await readModel(await stored({ location, offset: '2' }, 16, [1n]));
  assert.deepEqual(bfloat.initializers.get('W')!.data, Float32Array.of(9));
  const linked = await readModel(await stored({ location: 'inside.bin' }));
  assert.deepEqual(linked.initializers.get('W')!.data, Float32Array.of(9, 1));
});

test('more external data than there is memory is refused', async () => {
  const path = await stored({ location: 'weights/w.bin', length: '8' });
  await readModel(path, 8);
  await assert.rejects(
    readModel(path, 7),
    /^UserError: model\.onnx has more than 0\.0 GB of external data, which is all the memory of this machine/,
  );
});

test('external data outside the folder, past the end or not as stated is refused', async () => {
  const table: [external: Record<string, string>, sentence: RegExp, dims?: bigint[]][] = [
    [{ location: '../outside.bin' }, /outside the model's folder/],
    [{ location: 'weights/../../outside.bin' }, /outside the model's folder/],
    [{ location: '..\\outside.bin' }, /outside the model's folder/],
    [{ location: join(folder, 'outside.bin') }, /outside the model's folder/],
    [{ location: 'link.bin' }, /outside the model's folder/],
    [{ location: 'weights' }, /not a regular file/],
    [{ location: 'missing.bin' }, /missing.bin cannot be read: no such file/],
    [{ location: 'a\0b' }, /outside the model's folder/],
    [{}, /does not say where/],
    [{ location: 'weights/w.bin', offset: '12' }, /8 bytes at 12 but the file ends at 16/],
    [{ location: 'weights/w.bin', offset: '-4' }, /"-4"/],
    [{ location: 'weights/w.bin', offset: '99999999999999999999' }, /not a number of bytes/],
    [{ location: 'weights/w.bin', length: '12' }, /needs 8 bytes .* 12 are stated/],
    [{ location: 'weights/w.bin' }, /but the file ends at 16/, [2n ** 45n]],
  ];
  for (const [external, sentence, dims] of table) {
    const path = await stored(external, 1, dims);
    await assert.rejects(
      readModel(path),
      (error) => error instanceof UserError && sentence.test(error.message),
      `${sentence}`,
    );
  }
});

test('a file that is not there, and one that cannot be written, give a sentence', async () => {
  await assert.rejects(
    readModel(join(folder, 'none.onnx')),
    /Cannot read .*none.onnx: no such file or folder/,
  );
  await assert.rejects(readModel(folder), /not a regular file/);
  const graph = await readModel(await stored({ location: 'weights/w.bin' }));
  await assert.rejects(writeModel(join(folder, 'no', 'model.onnx'), graph), UserError);
  assert.ok(!(await readdir(folder)).includes('no'));
});
