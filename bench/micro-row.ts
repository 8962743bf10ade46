/** One figure of a micro-benchmark. */
export interface MicroRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}
