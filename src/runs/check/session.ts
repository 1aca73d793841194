/** The onnxruntime that checks: onnxruntime-node, or where that is not installed onnxruntime-web, which Node runs too. */
import { readFile } from 'node:fs/promises';
import { onnxruntimeName, openSession, type Session, type SessionOptions } from '../onnxruntime.js';
import { openWebSession, webName } from '../onnxruntime-web.js';

/** 'onnxruntime 1.30.0' or 'onnxruntime-web 1.30.0'; undefined where neither is installed. */
export async function checkerName(): Promise<string | undefined> {
  const node = await onnxruntimeName();
  if (node) return node;
  const web = await webName();
  return web && `onnxruntime-web ${web}`;
}

/** Opens a file, or its bytes; undefined where neither is installed. @throws UserError when it is refused. */
export async function openChecker(
  source: string | Uint8Array,
  options: SessionOptions,
): Promise<Session | undefined> {
  const session = await openSession(source, options);
  if (session) return session;
  return openWebSession(typeof source === 'string' ? await readFile(source) : source, options);
}
