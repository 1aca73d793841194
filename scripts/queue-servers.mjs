/** Servers for queues, on ports and in folders of their own: Debian's redis-server and postgresql. For tests, gates and benchmarks. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

/** Where Debian has the programs of PostgreSQL, which are on nobody's path. */
function postgresPrograms() {
  const root = '/usr/lib/postgresql';
  const [newest] = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return newest && existsSync(join(root, newest, 'bin', 'initdb')) ? join(root, newest, 'bin') : undefined;
}

/** Why a kind of server cannot be had here; undefined where it can. */
export function missing(kind) {
  if (kind === 'redis') return has('redis-server') ? undefined : 'there is no redis-server';
  return postgresPrograms() ? undefined : 'there is no postgresql';
}

export const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** PostgreSQL does not run as root. */
const user =
  process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];

const makers = {
  redis(folder, port) {
    // What is written is on the disk within a second: a kill may lose the last second.
    const args = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--appendonly',
      'yes',
      '--save',
      '',
    ];
    return {
      url: `redis://127.0.0.1:${port}`,
      prepare: () => {},
      command: ['redis-server', ...args],
      isUp: () =>
        spawnSync('redis-cli', ['-p', String(port), 'ping'], { encoding: 'utf8' }).stdout?.startsWith('PONG'),
    };
  },
  postgres(folder, port) {
    const programs = postgresPrograms();
    const data = join(folder, 'data');
    const run = (...args) => spawnSync(args[0], args.slice(1), { encoding: 'utf8' });
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      prepare() {
        chmodSync(folder, 0o777);
        const made = run(...user, join(programs, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'trust');
        if (made.status !== 0) throw new Error(made.stderr);
      },
      command: [
        ...user,
        join(programs, 'postgres'),
        '-D',
        data,
        '-p',
        String(port),
        '-h',
        '127.0.0.1',
        '-k',
        '',
      ],
      isUp: () => run(join(programs, 'pg_isready'), '-h', '127.0.0.1', '-p', String(port)).status === 0,
    };
  },
};

/** Starts a server with its data in a temporary folder, which `close` removes. */
export async function openServer(kind) {
  const folder = mkdtempSync(join(tmpdir(), `espalier-${kind}-`));
  const { url, prepare, command, isUp } = makers[kind](folder, await freePort());
  prepare();
  let child;
  const gone = () =>
    new Promise((resolve) =>
      (child.exitCode ?? child.signalCode) !== null ? resolve() : child.once('exit', resolve),
    );
  const server = {
    url,
    async start() {
      child = spawn(command[0], command.slice(1), { stdio: 'ignore' });
      while (!isUp()) await wait(100);
    },
    /** Without a chance to save anything. */
    async kill() {
      child.kill('SIGKILL');
      await gone();
    },
    async close() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await server.start();
  return server;
}
