# Everything here is plain `go` behind short names; `make help` lists the targets.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# Modules of this repository: the main one, and those under hack that pin tools.
MODULES := $(patsubst %/,%,$(dir $(shell git ls-files "*go.mod")))
CONTROLLER_GEN := bin/tools/controller-gen
GOLANGCI_LINT := bin/tools/golangci-lint
GOVULNCHECK := bin/tools/govulncheck
# Modules with code of their own beside the main one.
CODE_MODULES := hack/image hack/tools/alerts hack/clients hack/openid
# Those, and the one that `make console-test` runs.
LINT_MODULES := $(CODE_MODULES) hack/console
# Commit that `make crd-compat` compares with; unset: the newest release.
CRDBASE ?=
# Where `make install-plugin` puts `kubectl scim`, below bin.
PREFIX ?= $(firstword $(subst :, ,$(shell go env GOPATH)))
# Arguments for `go test`, such as TESTARGS='-run TestStore ./scimserver/...'.
TESTARGS ?= ./...
# Arguments for the end-to-end tests, such as E2EARGS='-ginkgo.focus rolling'.
E2EARGS ?=
# How long each fuzz target runs.
FUZZTIME ?= 1m
# Arguments for the simulated Okta, such as DEMOARGS='-users 1000 -workers 16'.
DEMOARGS ?=
# Arguments for the benchmark of the SCIM server, such as BENCHARGS='-users 1000,10000,100000'.
BENCHARGS ?= -users 1000,10000
# Arguments for the benchmark of the whole system, such as SCALEARGS='-users 5000'.
SCALEARGS ?=
# Where the Go vulnerability database does not answer, `make vulncheck` fails; VULNARGS=-optional lets it say so and succeed.
VULNARGS ?=
# Arguments for the image builder, such as IMAGEARGS='-arch amd64'; hack/image/README.md.
IMAGEARGS ?=
# Arguments for the plugin's archives, such as PLUGINARGS='-url https://example.com/releases/{version}'.
PLUGINARGS ?=
# Arguments for a release, such as RELEASEARGS='-name registry.example.com/scim-operator -url https://example.com/releases/{version}'.
RELEASEARGS ?=
# Arguments for the part of `make kine` that breaks the database, such as KINEARGS='-ginkgo.focus pg_dump'.
KINEARGS ?=
# What `make neighbours` runs, such as NEIGHBOURS=./hack/neighbours/gitops NEIGHBOURSARGS="-ginkgo.focus drift".
NEIGHBOURS ?= ./hack/neighbours/...
NEIGHBOURSARGS ?=
# Arguments for the console's tests, such as CONSOLEARGS='-ginkgo.focus palette'.
CONSOLEARGS ?=
# Arguments for the dev runner, such as RUNARGS='--scim-port 9080'.
RUNARGS ?=

##@ Use

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: controlplane
controlplane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl (once; up to 10 minutes).
	@go run ./hack/testenv/cmd/controlplane

.PHONY: run
run: ## Run a control plane and the operator on this machine; Ctrl-C stops them, data stays in bin/dev.
	@echo "building the runner; the first time that takes a minute or two"
	@go build -o bin/scim-dev ./hack/dev
	@exec bin/scim-dev $(RUNARGS)

.PHONY: demo
demo: ## Act as Okta against a running `make run`: push 200 users and 10 groups, run Okta's SPEC test, show the result.
	@go run ./hack/oktasim -connection bin/dev/connection.json -demo -spec $(DEMOARGS)

##@ Develop

.PHONY: build
build: ## Build the operator as bin/manager.
	CGO_ENABLED=0 go build -trimpath -o bin/manager .

.PHONY: install-plugin
install-plugin: ## Build `kubectl scim`, with its completion, into PREFIX/bin (PREFIX: that of `go install`).
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$(PREFIX)/bin/kubectl-scim" .
	ln -sf kubectl-scim "$(PREFIX)/bin/kubectl_complete-scim"
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) echo "add $(PREFIX)/bin to your PATH, where kubectl looks for plugins";; esac

.PHONY: plugin
plugin: ## Make archives of `kubectl scim` for all platforms in bin/plugin, and the manifest by which krew installs it (PLUGINARGS='-url ...').
	@go run -C hack/image . -plugin $(PLUGINARGS)

.PHONY: image
image: ## Make the container image as an OCI archive in bin/image, with its bill of materials; needs no container engine.
	@go run -C hack/image . $(IMAGEARGS)

.PHONY: release
release: ## Make everything that a release consists of in bin/release/VERSION: image, chart, YAML, plugin, bills of materials, provenance, checksums (RELEASEARGS='-url ...').
	@go run -C hack/image . -release $(RELEASEARGS)

# The other modules test files outside of them, of which Go's test cache knows nothing: -count=1.
.PHONY: test
test: ## Run all tests against one real control plane.
	@go build -o bin/testrun ./hack/testenv/cmd/testrun
	@bin/testrun -- go test -timeout 40m $(TESTARGS)
	@$(if $(filter ./...,$(TESTARGS)),for module in $(CODE_MODULES); do (cd "$$module" && go test -count=1 -timeout 40m ./...) || exit 1; done)

.PHONY: test-race
test-race: ## Run with the race detector what is concurrent (or TESTARGS): the SCIM server, issuers, its store, the cache, controllers' specs labelled race.
	@go build -o bin/testrun ./hack/testenv/cmd/testrun
	@CGO_ENABLED=1 bin/testrun -- bash -c '$(if $(filter ./...,$(TESTARGS)),\
		go test -race -timeout 40m ./api/... ./scimserver ./scimserver/issuers ./scimserver/store ./controllers/fairqueue && go test -race -timeout 40m ./controllers -ginkgo.label-filter=race,\
		go test -race -timeout 40m $(TESTARGS))'

# Not part of `make test`: it needs a browser, and npm.
.PHONY: console-test
console-test: ## Test the console in Chromium, with a real operator (needs chromium and npm; a minute or two).
	@cd hack/console && npm ci --ignore-scripts --no-audit --no-fund --silent && go test -count=1 -timeout 40m . $(CONSOLEARGS)
	@cd hack/openid && SCIM_CHROMIUM=1 go test -count=1 -timeout 10m -run InABrowser .

.PHONY: e2e
e2e: ## Install on a real Kubernetes node on this machine, and break one thing after the other under load (root; about 20 minutes).
	SCIM_E2E=1 go test -count=1 -v -timeout 60m ./hack/e2e/cluster $(E2EARGS)

# Not part of `make test`: building the neighbours takes long. hack/neighbours/README.md.
.PHONY: neighbours
neighbours: ## Run Helm, Flux, cert-manager, Traefik, Prometheus, Velero and a login with the operator, on a real Kubernetes node (root).
	SCIM_NEIGHBOURS=1 go test -p 1 -count=1 -v -timeout 60m $(NEIGHBOURS) $(NEIGHBOURSARGS)

# Not part of `make test`: it needs PostgreSQL, and takes long. hack/kine/README.md.
.PHONY: kine
kine: ## Run the tests over kine and PostgreSQL in the place of etcd, and break the database under load (needs Debian's postgresql; about 40 minutes).
	@go build -o bin/testrun ./hack/testenv/cmd/testrun
	@bin/testrun -kine -- go test -count=1 -timeout 60m ./scimserver/... ./controllers/...
	SCIM_KINE=1 go test -v -count=1 -timeout 60m ./hack/e2e $(KINEARGS)

.PHONY: cluster
cluster: ## Run a real Kubernetes node on this machine (root); Ctrl-C stops it and leaves the machine as it was.
	@go build -o bin/cluster ./hack/cluster
	@exec bin/cluster up

# Go runs one fuzz target at a time. Minimizing each new input would take most of the time.
.PHONY: fuzz
fuzz: ## Run every fuzz target, one after the other, for FUZZTIME (1m) each.
	@for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do \
		targets=$$(go test -list '^Fuzz' "./$$package") || { echo "$$targets"; exit 1; }; \
		for target in $$(grep '^Fuzz' <<<"$$targets"); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "./$$package" || exit 1; \
		done; \
	done

.PHONY: bench
bench: ## Measure the protocol and the rule engine in memory, then the SCIM server against a real API server, then the whole system small (about 7 minutes).
	go test -run '^$$' -bench . -benchmem -cpu 1 ./scimserver/scim ./controllers/rules
	go run ./hack/bench $(BENCHARGS)
	go run ./hack/bench/scale -users 1000 -groups 20 -page

.PHONY: bench-scale
bench-scale: ## Push 100,000 users and 200 groups through the whole system and measure it; not in CI (an hour; see SCALEARGS).
	@go build -o bin/scale ./hack/bench/scale
	@exec bin/scale $(SCALEARGS)

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate deep copies, custom resource definitions, the RBAC role, the Helm chart's templates and the README's picture.
	$(CONTROLLER_GEN) object crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=scim-operator paths=./controllers/... paths=./scimserver/... output:rbac:dir=config/rbac
	go run ./hack/chart
	go run ./hack/flow hack/flow/flow.txt hack/flow/flow.svg

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code and its imports.
	$(GOLANGCI_LINT) fmt
	@for module in $(LINT_MODULES); do (cd "$$module" && $(CURDIR)/$(GOLANGCI_LINT) fmt --config $(CURDIR)/.golangci.yml) || exit 1; done

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Check the code, and the API types against the Kubernetes API conventions.
	$(GOLANGCI_LINT) run
	@for module in $(LINT_MODULES); do echo "lint ($$module)"; (cd "$$module" && $(CURDIR)/$(GOLANGCI_LINT) run --config $(CURDIR)/.golangci.yml) || exit 1; done
	$(GOLANGCI_LINT) run --config .golangci-kal.yml ./api/v1alpha1/...

.PHONY: licenses
licenses: build ## Check the licenses of all modules in the operator, from the module cache.
	@go run -C hack/image ./cmd/licenses

.PHONY: crd-compat
crd-compat: ## Fail when a definition would refuse or lose what users of the newest release have stored.
	@go run ./hack/crdcompat -base "$(CRDBASE)"

# Not part of verify: it asks the Go vulnerability database, which not every network reaches.
.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Look for known vulnerabilities in what the operator calls; says so where the Go vulnerability database does not answer.
	@go run ./hack/vulncheck $(VULNARGS) $(GOVULNCHECK) .

.PHONY: tidy
tidy: ## Tidy every module of the repository.
	@for module in $(MODULES); do echo "go mod tidy ($$module)"; (cd "$$module" && go mod tidy) || exit 1; done

.PHONY: verify
verify: generate tidy fmt lint licenses crd-compat ## Fail when generated files, modules, format or lint are not as committed.
	@if [ -n "$$(git status --porcelain)" ]; then git status --short; git --no-pager diff; \
		echo "verify: the tree is not clean: commit what is shown above"; exit 1; fi

.PHONY: clean
clean: ## Delete bin, with the control plane and the data of `make run`.
	@if [ -e bin/dev/lock ] && ! flock -n bin/dev/lock true; then echo "clean: a \`make run\` is using bin/dev; stop it first"; exit 1; fi
	rm -rf bin

# Tools are built when needed, and again when their pinned versions change.
$(CONTROLLER_GEN): hack/tools/go.mod hack/tools/go.sum
	cd hack/tools && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o ../../$@ sigs.k8s.io/controller-tools/cmd/controller-gen

$(GOVULNCHECK): hack/tools/govulncheck/go.mod hack/tools/govulncheck/go.sum
	cd hack/tools/govulncheck && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o ../../../$@ golang.org/x/vuln/cmd/govulncheck

$(GOLANGCI_LINT): hack/tools/golangci/go.mod hack/tools/golangci/go.sum
	@echo "building golangci-lint with kube-api-linter, once: about a minute on two cores"
	cd hack/tools/golangci && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o ../../../$@ sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter
