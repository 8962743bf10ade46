/** A pushed metric as test/golden/MetricsDump.java prints it: one JSON object a line. */
export interface DumpedMetric {
  readonly name: string;
  readonly kind: string;
  readonly value: number;
  readonly sinceNs: string;
  readonly atNs: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}
