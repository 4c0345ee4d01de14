package assets

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// neighbours are programs that operators meet in users' clusters, for hack/neighbours.
var neighbours = map[string]set{
	"argocd": {"argocd", "hack/neighbours/pins/argocd", "github.com/argoproj/argo-cd/v3", []binary{
		{"judge", "rservice.dev/scim-operator/hack/neighbours/pins/argocd", 8 * time.Minute},
	}, nil},
	"cert-manager": {"cert-manager", "hack/neighbours/pins/cert-manager", "github.com/cert-manager/cert-manager", []binary{
		{"cert-manager", ".", 3 * time.Minute},
	}, nil},
	"flux": {"flux", "hack/neighbours/pins/flux", "github.com/fluxcd/kustomize-controller", []binary{
		{"source-controller", "github.com/fluxcd/source-controller", 10 * time.Minute},
		{"kustomize-controller", "github.com/fluxcd/kustomize-controller", 5 * time.Minute},
	}, nil},
	"helm": {"helm", "hack/neighbours/pins/helm", "helm.sh/helm/v4", []binary{
		{"helm", "helm.sh/helm/v4/cmd/helm", 2 * time.Minute},
		{"registry", "github.com/google/go-containerregistry/cmd/registry", 20 * time.Second},
	}, nil},
	"prometheus": {"prometheus", "hack/neighbours/pins/prometheus", "github.com/prometheus/prometheus", []binary{
		{"prometheus", "github.com/prometheus/prometheus/cmd/prometheus", 4 * time.Minute},
	}, nil},
	"traefik": {"traefik", "hack/neighbours/pins/traefik", "github.com/traefik/traefik/v3", []binary{
		{"traefik", "github.com/traefik/traefik/v3/cmd/traefik", 6 * time.Minute},
	}, nil},
	"velero": {"velero", "hack/neighbours/pins/velero", "github.com/vmware-tanzu/velero", []binary{
		{"gofakes3", "github.com/johannesboyne/gofakes3/cmd/gofakes3", 30 * time.Second},
		{"velero-plugin-for-aws", "github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws", 4 * time.Minute},
		{"velero", "github.com/vmware-tanzu/velero/cmd/velero", 5 * time.Minute},
	}, nil},
	"zitadel": {"zitadel", "hack/openid", "github.com/zitadel/oidc/v3", []binary{
		{"provider", "rservice.dev/scim-operator/hack/openid/provider", 20 * time.Second},
	}, nil},
}

// EnsureNeighbour is Ensure for the programs of one neighbour, in bin/<name>/<its version>.
func EnsureNeighbour(ctx context.Context, name string, log io.Writer) (string, error) {
	set, ok := neighbours[name]
	if !ok {
		return "", fmt.Errorf("no neighbour %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(neighbours)), ", "))
	}
	return set.ensure(ctx, log)
}

// NeighbourModule returns the folder of a module that a neighbour is built from, as for the definitions of its kinds.
func NeighbourModule(ctx context.Context, name, module string) (string, error) {
	set, ok := neighbours[name]
	if !ok {
		return "", fmt.Errorf("no neighbour %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(neighbours)), ", "))
	}
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	command.Dir = filepath.Join(root, set.source)
	command.Env = append(os.Environ(), "GOWORK=off")
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("finding module %s of %s: %w", module, set.source, err)
	}
	return strings.TrimSpace(string(output)), nil
}
