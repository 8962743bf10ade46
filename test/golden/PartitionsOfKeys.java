import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/**
 * Reads keys, a line of hex each, from the file it is given, and prints for each: murmur2, and its partition of as many as the other
 * arguments say. Used by test/producer/partitioners.kafka.test.ts.
 */
public class PartitionsOfKeys {
    public static void main(String[] args) throws Exception {
        StringBuilder out = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            byte[] key = HexFormat.of().parseHex(line);
            out.append(Utils.murmur2(key));
            for (int i = 1; i < args.length; i++) {
                out.append(' ').append(BuiltInPartitioner.partitionForKey(key, Integer.parseInt(args[i])));
            }
            out.append('\n');
        }
        System.out.print(out);
    }
}
