# The operator alone: a static binary, no shell, not root. `make image` makes the same without a container engine; hack/image tests
# that both have the same path, user and base.
# The same version as in go.mod: the image's Go does not fetch another one. A name can be given another image later, a digest
# cannot: pin what you have checked, with --build-arg GO_IMAGE=golang:1.26.8@sha256:... (SECURITY.md).
ARG GO_IMAGE=golang:1.26.8
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY *.go ./
COPY api api
COPY console console
COPY controllers controllers
COPY scimserver scimserver
# What `manager --version`, the log and the metrics say, since there is no repository here to take it from.
ARG VERSION=unreleased
ARG COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X rservice.dev/scim-operator/api/kube.release=${VERSION} -X rservice.dev/scim-operator/api/kube.commit=${COMMIT}" -o /manager .

FROM scratch
# Kubernetes' runAsNonRoot needs a number.
USER 65532:65532
WORKDIR /
COPY --from=build /manager /manager
ENTRYPOINT ["/manager"]
