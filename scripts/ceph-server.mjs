/** Ceph with its RADOS gateway, a real store that speaks the protocol of Amazon S3: one node, in memory, on ports and in a folder of its own. From Debian's radosgw, ceph-mon and ceph-osd. */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { freePort, has } from './queue-servers.mjs';

const programs = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'monmaptool'];
const KEYS = { id: 'ESPALIER', secret: 'espalier-for-tests' };

/** Why it cannot run here; undefined where it can. */
export function cephIsMissing() {
  const missing = programs.filter((program) => !has(program));
  return missing.length > 0 ? `there is no ${missing[0]}` : undefined;
}

const settings = (folder, { id, monitor, gateway }) => `[global]
fsid = ${id}
mon host = v1:127.0.0.1:${monitor}
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd objectstore = memstore
memstore device bytes = 1073741824
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
mon allow pool size one = true
mon data = ${folder}/mon
osd data = ${folder}/osd
run dir = ${folder}
admin socket = ${folder}/$name.asok
log file = ${folder}/$name.log
mon cluster log file = ${folder}/cluster.log
rgw frontends = beast endpoint=127.0.0.1:${gateway}
`;

/** Starts it with a bucket named `bucket`; `env` are the variables by which it is reached. */
export async function openCeph() {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-ceph-'));
  const [id, osd, monitor, gateway] = [randomUUID(), randomUUID(), await freePort(), await freePort()];
  const conf = join(folder, 'ceph.conf');
  for (const name of ['mon', 'osd']) mkdirSync(join(folder, name));
  writeFileSync(conf, settings(folder, { id, monitor, gateway }));
  const run = (program, ...args) => {
    const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr ?? error}`);
  };
  const children = [];
  const start = (program, ...args) => {
    const child = spawn(program, ['-c', conf, ...args, '-f'], { stdio: 'ignore' });
    children.push(child);
    return child;
  };
  const env = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${gateway}`,
    AWS_ACCESS_KEY_ID: KEYS.id,
    AWS_SECRET_ACCESS_KEY: KEYS.secret,
    AWS_REGION: 'us-east-1',
  };
  const startGateway = async () => {
    const child = start('radosgw', '-n', 'client.rgw');
    while (!(await fetch(env.AWS_ENDPOINT_URL).catch(() => undefined))) await wait(100);
    return child;
  };
  const server = {
    env,
    async stop() {
      const ended = new Promise((resolve) => server.gateway.once('exit', resolve));
      server.gateway.kill('SIGKILL');
      await ended;
    },
    async start() {
      server.gateway = await startGateway();
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await wait(200);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    const map = join(folder, 'monmap');
    run('monmaptool', '--create', '--addv', 'a', `v1:127.0.0.1:${monitor}`, '--fsid', id, map);
    run('ceph-mon', '-c', conf, '-i', 'a', '--mkfs', '--monmap', map, '--keyring', '/dev/null');
    start('ceph-mon', '-i', 'a');
    run('ceph', '-c', conf, 'osd', 'new', osd);
    run('ceph-osd', '-c', conf, '-i', '0', '--mkfs', '--osd-uuid', osd);
    run('ceph', '-c', conf, 'osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=here');
    start('ceph-osd', '-i', '0');
    await server.start();
    const keys = ['--access-key', KEYS.id, '--secret', KEYS.secret];
    run('radosgw-admin', '-c', conf, 'user', 'create', '--uid', 'test', '--display-name', 'Test', ...keys);
    const client = new AwsClient({
      accessKeyId: KEYS.id,
      secretAccessKey: KEYS.secret,
      service: 's3',
      region: env.AWS_REGION,
    });
    const made = await client.fetch(`${env.AWS_ENDPOINT_URL}/bucket`, { method: 'PUT' });
    if (!made.ok) throw new Error(`The bucket cannot be made: ${await made.text()}`);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}
