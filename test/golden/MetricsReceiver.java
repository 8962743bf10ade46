import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.metrics.MetricsReporter;
import org.apache.kafka.server.telemetry.ClientTelemetry;
import org.apache.kafka.server.telemetry.ClientTelemetryReceiver;

/**
 * A broker's receiver of client metrics (KIP-714): writes each push as one JSON line to the file that the broker's property `receiver.file` names.
 * Compiled together with MetricsDump.java.
 */
public class MetricsReceiver implements MetricsReporter, ClientTelemetry {
    private Path file;

    @Override
    public void configure(Map<String, ?> properties) {
        file = Path.of(String.valueOf(properties.get("receiver.file")));
    }

    @Override
    public ClientTelemetryReceiver clientReceiver() {
        return (context, payload) -> {
            try {
                String line = String.format("{\"client\":\"%s\",\"instance\":\"%s\",\"isLast\":%b,\"metrics\":[%s]}%n",
                    context.clientId(), payload.clientInstanceId(), payload.isTerminating(),
                    String.join(",", MetricsDump.describe(payload.data())));
                synchronized (this) {
                    Files.writeString(file, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                }
            } catch (Exception cause) {
                throw new RuntimeException(cause);
            }
        };
    }

    @Override
    public void init(List<KafkaMetric> metrics) { }

    @Override
    public void metricChange(KafkaMetric metric) { }

    @Override
    public void metricRemoval(KafkaMetric metric) { }

    @Override
    public void close() { }
}
