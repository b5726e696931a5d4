# Everything a developer does often. The tests need what .ci/setup installs.

.PHONY: build test bench fuzz shots

build: ## one binary, ./bulla
	go build -trimpath -o bulla .

test: ## all of it, as CI does; says what it could not test here
	@.ci/test

bench: ## signing, hashing and starting, against gpg and sha256sum
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## each fuzzer for a minute; make fuzz TIME=1h for longer
	@.ci/fuzz $(TIME)

shots: ## the pictures in doc/
	@.ci/shots
