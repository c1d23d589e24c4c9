// The peer: what the ingestor does, written as a plain Kafka Streams application. The source's key is the tenant, so both
// outputs stay in the partition of their source, without a repartition topic.
//
// Arguments: brokers, source, grouped topic, topic of sums, application id, state directory.

import com.fasterxml.jackson.annotation.JsonAlias;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

public final class GroupedPulses {
  static final long WINDOW_MS = 5_000;
  static final String SUMS = "sums";
  static final ObjectMapper JSON = JsonMapper.builder()
      .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
      .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
      .enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN)
      .build();

  record Pulse(String tenantId, String productSku,
      @JsonAlias("used_ammount") BigDecimal usedAmount, @JsonAlias("use_unity") String useUnit) {}

  record Grouped(UUID objectId, String tenantId, String productSku, String useUnit, BigDecimal usedAmount,
      long timestamp, long sourceOffset) {}

  record Total(UUID objectId, String tenantId, String productSku, String useUnit, BigDecimal totalAmount,
      long windowStart, long windowEnd, long pulseCount) {}

  /** Groups each pulse, and sums it into its window. A window is published once stream time has passed its end. */
  static final class Grouping implements Processor<byte[], byte[], byte[], byte[]> {
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<String, byte[]> sums;
    private long openWindow = -1;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
      sums = context.getStateStore(SUMS);
      try (var kept = sums.all()) {
        if (kept.hasNext()) openWindow = windowOf(kept.next().key);
      }
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      try {
        long window = record.timestamp() / WINDOW_MS;
        if (openWindow >= 0 && window > openWindow) publishSums(record);
        openWindow = Math.max(openWindow, window);
        Pulse pulse = JSON.readValue(record.value(), Pulse.class);
        long offset = context.recordMetadata().orElseThrow().offset();
        Grouped grouped = new Grouped(idOf("g" + offset), pulse.tenantId, pulse.productSku, pulse.useUnit,
            pulse.usedAmount, record.timestamp() / 1_000, offset);
        context.forward(record.withValue(JSON.writeValueAsBytes(grouped)), "grouped");
        String key = openWindow + "\n" + pulse.tenantId + "\n" + pulse.productSku + "\n" + pulse.useUnit;
        byte[] sum = sums.get(key);
        sums.put(key, sum == null ? packed(pulse.usedAmount, 1)
            : packed(amountOf(sum).add(pulse.usedAmount), countOf(sum) + 1));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }

    private void publishSums(Record<byte[], byte[]> record) throws IOException {
      try (var closed = sums.all()) {
        while (closed.hasNext()) {
          KeyValue<String, byte[]> entry = closed.next();
          String[] parts = entry.key.split("\n");
          long start = Long.parseLong(parts[0]) * WINDOW_MS / 1_000;
          Total total = new Total(idOf(entry.key), parts[1], parts[2], parts[3], amountOf(entry.value), start,
              start + WINDOW_MS / 1_000, countOf(entry.value));
          byte[] tenant = parts[1].getBytes(StandardCharsets.UTF_8);
          context.forward(record.withKey(tenant).withValue(JSON.writeValueAsBytes(total)), "totals");
          sums.delete(entry.key);
        }
      }
    }
  }

  static long windowOf(String key) {
    return Long.parseLong(key.substring(0, key.indexOf('\n')));
  }

  static UUID idOf(String text) {
    return UUID.nameUUIDFromBytes(text.getBytes(StandardCharsets.UTF_8));
  }

  /** A count, then the digits of an amount. */
  static byte[] packed(BigDecimal amount, long count) {
    byte[] digits = amount.toString().getBytes(StandardCharsets.US_ASCII);
    return ByteBuffer.allocate(8 + digits.length).putLong(count).put(digits).array();
  }

  static long countOf(byte[] sum) {
    return ByteBuffer.wrap(sum).getLong();
  }

  static BigDecimal amountOf(byte[] sum) {
    return new BigDecimal(new String(Arrays.copyOfRange(sum, 8, sum.length), StandardCharsets.US_ASCII));
  }

  public static void main(String[] args) {
    var bytes = Serdes.ByteArray();
    var store = Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(SUMS), Serdes.String(), bytes)
        .withCachingEnabled();
    Topology topology = new Topology()
        .addSource("source", bytes.deserializer(), bytes.deserializer(), args[1])
        .addProcessor("grouping", Grouping::new, "source")
        .addStateStore(store, "grouping")
        .addSink("grouped", args[2], bytes.serializer(), bytes.serializer(), "grouping")
        .addSink("totals", args[3], bytes.serializer(), bytes.serializer(), "grouping");
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[4]);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    KafkaStreams streams = new KafkaStreams(topology, settings);
    streams.setStateListener((now, before) -> System.out.println(now));
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
