import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.telemetry.internals.ClientTelemetryUtils;
import org.apache.kafka.shaded.io.opentelemetry.proto.common.v1.KeyValue;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.Metric;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.MetricsData;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.NumberDataPoint;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.ResourceMetrics;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.ScopeMetrics;

/**
 * Reads OpenTelemetry's MetricsData with the classes of Kafka's own client: one JSON object a metric. From standard input: a line with the id of a
 * codec and the packed bytes in hex; each is answered with its metrics and a dot. See README.md.
 */
public class MetricsDump {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] parts = line.split(" ");
            ByteBuffer packed = ByteBuffer.wrap(HexFormat.of().parseHex(parts[1]));
            CompressionType codec = CompressionType.forId(Integer.parseInt(parts[0]));
            describe(ClientTelemetryUtils.decompress(packed, codec)).forEach(System.out::println);
            System.out.println(".");
        }
    }

    static List<String> describe(ByteBuffer bytes) throws Exception {
        List<String> lines = new ArrayList<>();
        for (ResourceMetrics resource : MetricsData.parseFrom(bytes).getResourceMetricsList()) {
            String labels = tags(resource.getResource().getAttributesList());
            for (ScopeMetrics scope : resource.getScopeMetricsList()) {
                for (Metric metric : scope.getMetricsList()) lines.add(describe(metric, labels));
            }
        }
        return lines;
    }

    private static String describe(Metric metric, String labels) {
        NumberDataPoint point = metric.hasSum() ? metric.getSum().getDataPoints(0) : metric.getGauge().getDataPoints(0);
        String kind = metric.hasSum()
            ? metric.getSum().getAggregationTemporality().name().replace("AGGREGATION_TEMPORALITY_", "").toLowerCase()
                + (metric.getSum().getIsMonotonic() ? "" : " not monotonic")
            : "gauge";
        return String.format("{\"name\":\"%s\",\"kind\":\"%s\",\"value\":%s,\"sinceNs\":\"%d\",\"atNs\":\"%d\",\"tags\":%s,\"labels\":%s}",
            metric.getName(), kind, point.getAsDouble(), point.getStartTimeUnixNano(), point.getTimeUnixNano(),
            tags(point.getAttributesList()), labels);
    }

    private static String tags(List<KeyValue> tags) {
        List<String> pairs = new ArrayList<>();
        for (KeyValue tag : tags) {
            pairs.add(String.format("\"%s\":\"%s\"", tag.getKey(), tag.getValue().getStringValue()));
        }
        return "{" + String.join(",", pairs) + "}";
    }
}
