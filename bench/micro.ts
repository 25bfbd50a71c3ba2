import type { Row } from './results.js';
export async function micro(_say: (text: string) => void): Promise<Row[]> {
  return [];
}
