# Sealift: `make demo` shows it, `make test` tests it, `make help` lists the rest.
export CGO_ENABLED = 0
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
SIZE ?= 3072
FILES ?= 1000000
FUZZTIME ?= 20s

.PHONY: help build demo test race sweep crash lint fuzz bench peers check

help:    ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

build:   ## both programs, into bin/
	@test -x bin/sealift || echo "building; the first time takes some minutes" >&2
	@go build -o bin/ ./cmd/sealift && cd sandbox && go build -o ../bin/ ./cmd/sealift-sandbox

demo: build ## the whole story on a local AWS; FILE=big.iso for a file of your own
	@bin/sealift demo $(if $(FILE),"$(FILE)")

test:    ## every test of both modules
	go test ./... && cd sandbox && go test ./...

race:    ## the same with the race detector; wants a C compiler
	CGO_ENABLED=1 go test -race $(COVER) $$(go list ./... | grep -v /bench) && cd sandbox && CGO_ENABLED=1 go test -race ./...

sweep:   ## every fault at every request, and the other figures of docs/reliability.md; SEALIFT_SEED=n repeats one
	@SEALIFT_SWEEP=full go test . -run TestSweep -count=1 -v -timeout 60m

crash:   ## kill -9 CRASHES=500 uploads, each up to three times, and go on with them
	@SEALIFT_CRASHES=$(or $(CRASHES),500) go test ./cmd/sealift -run TestKilledUploadsAreResumed -count=1 -v -timeout 90m

lint:    ## formatting, vet, staticcheck, known vulnerabilities
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt: run gofmt -w on these"; exit 1; }
	go vet ./... && go run $(STATICCHECK) ./... && cd sandbox && go vet ./... && go run $(STATICCHECK) ./...
	@.ci/vulnerabilities $(GOVULNCHECK)

fuzz:    ## every fuzz target for FUZZTIME each
	@.ci/fuzz $(FUZZTIME)

bench:   ## memory of the client for SIZE MiB and FILES files; time, CPU and memory beside peers, into docs/benchmarks*.md
	@SEALIFT_BENCH_MIB=$(SIZE) SEALIFT_BENCH_STREAM_MIB=1024 SEALIFT_BENCH_FILES=$(FILES) go test ./bench -run StaysSmall -count=1 -v -timeout 30m
	SEALIFT_BENCH_TRAIL=$(CURDIR)/docs/benchmarks-trail.md go test ./trail ./internal/plan ./internal/s3wire ./internal/filter ./internal/walk -run TwiceAsFast -bench . -benchtime 1s
	cd bench/peers && go run . -bin ../../bin/peers -o ../../docs/benchmarks.md

peers:   ## the end-to-end tests against versitygw and MinIO, installed into bin/peers
	@PEERS_BIN=$(CURDIR)/bin/peers .ci/peers

check: lint test race ## what CI runs
	@.ci/cross
