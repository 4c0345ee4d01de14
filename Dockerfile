# The operator alone: a static binary, no shell, not root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY api api
COPY controllers controllers
COPY scimserver scimserver
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /manager .

FROM scratch
# Kubernetes' runAsNonRoot needs a number.
USER 65532:65532
COPY --from=build /manager /manager
ENTRYPOINT ["/manager"]
