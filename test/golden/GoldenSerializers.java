import java.util.HexFormat;
import java.util.UUID;
import org.apache.kafka.common.serialization.DoubleSerializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.serialization.UUIDSerializer;

/** Prints what the Java client's serializers make of values: serializers.jsonl. See README.md. */
public class GoldenSerializers {
    static final StringBuilder json = new StringBuilder();

    public static void main(String[] args) {
        for (int value : new int[] {0, 1, -1, 258, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            append("int32", Integer.toString(value), new IntegerSerializer(), value);
        }
        for (long value : new long[] {0, 1, -1, 9_007_199_254_740_993L, Long.MIN_VALUE, Long.MAX_VALUE}) {
            append("int64", Long.toString(value), new LongSerializer(), value);
        }
        double[] doubles = {0, -0.0, 1.5, -1, 0.1, Double.NaN, Double.MIN_VALUE, Double.MAX_VALUE,
            Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
        for (double value : doubles) append("float64", Double.toString(value), new DoubleSerializer(), value);
        String[] uuids = {"00000000-0000-0000-0000-000000000000", "123E4567-E89B-12D3-A456-426614174000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff"};
        for (String value : uuids) append("uuid", value, new UUIDSerializer(), UUID.fromString(value));
        for (String value : new String[] {"", "plain", "caf\u00e9", "\u20ac", "\ud83d\ude00", "\u0000\n"}) {
            append("string", value, new StringSerializer(), value);
        }
        System.out.print(json);
    }

    static <T> void append(String type, String value, Serializer<T> serializer, T object) {
        StringBuilder escaped = new StringBuilder();
        for (char unit : value.toCharArray()) escaped.append(String.format("\\u%04x", (int) unit));
        String hex = HexFormat.of().formatHex(serializer.serialize("topic", object));
        json.append(String.format("{\"serializer\":\"%s\",\"value\":\"%s\",\"bytes\":\"%s\"}%n",
            type, unitsOrPlain(value, escaped.toString()), hex));
    }

    /** Escapes only where it must. */
    static String unitsOrPlain(String value, String escaped) {
        return value.chars().allMatch(unit -> unit >= ' ' && unit < 127) ? value : escaped;
    }
}
