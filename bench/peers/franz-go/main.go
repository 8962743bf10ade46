// franz-go as a line shipper: idempotent, acks=all, records that share the blocks they were read in.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const blockBytes = 1 << 20

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: franz-go BROKERS TOPIC CODEC FILE")
		os.Exit(64)
	}
	if err := ship(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ship(brokers, topic, codec, path string) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...),
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(codecs[codec]),
		kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(250_000),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()

	var failed atomic.Pointer[error]
	ctx := context.Background()
	delivered := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	var begun []byte
	for failed.Load() == nil {
		block := make([]byte, len(begun)+blockBytes)
		copy(block, begun)
		count, err := io.ReadFull(file, block[len(begun):])
		block = block[:len(begun)+count]
		for {
			end := bytes.IndexByte(block, '\n')
			if end < 0 {
				break
			}
			client.Produce(ctx, &kgo.Record{Value: block[:end]}, delivered)
			block = block[end+1:]
		}
		begun = block
		if err != nil {
			break
		}
	}
	if len(begun) > 0 {
		client.Produce(ctx, &kgo.Record{Value: begun}, delivered)
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
