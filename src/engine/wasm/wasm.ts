import { type Driver, Unavailable } from '../driver.js';

export async function openWasm(_threads: number): Promise<Driver> {
  throw new Unavailable('it has not been built');
}
