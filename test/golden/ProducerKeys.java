import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;

/** Prints every key of the Java producer: name, type, default and what its validator says, with tabs between them. See README.md. */
public class ProducerKeys {
    public static void main(String[] args) {
        Map<String, ConfigDef.ConfigKey> keys = new TreeMap<>(ProducerConfig.configDef().configKeys());
        for (ConfigDef.ConfigKey key : keys.values()) {
            String preset = key.hasDefault() ? ConfigDef.convertToString(key.defaultValue, key.type) : "";
            System.out.printf("%s\t%s\t%s\t%s%n", key.name, key.type, preset == null ? "" : preset,
                key.validator == null ? "" : key.validator.toString().replace('\n', ' '));
        }
    }
}
