// Command judge says what Argo CD makes of objects: whether they differ from what Git has, and how healthy they are. It is
// Argo CD's own logic, with its settings read from the ConfigMap of its namespace; the rest of Argo CD needs a registry
// and Redis, and decides nothing here.
//
// It reads a JSON list of pairs {"live": …, "target": …} and writes a list of verdicts.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

type pair struct {
	Live   *unstructured.Unstructured `json:"live"`
	Target *unstructured.Unstructured `json:"target"`
}

type verdict struct {
	OutOfSync bool   `json:"outOfSync"`
	Predicted string `json:"predicted,omitempty"`
	Health    string `json:"health"`
	Message   string `json:"message"`
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "of the cluster where Argo CD's ConfigMap is")
	namespace := flag.String("namespace", "argocd", "of Argo CD's ConfigMap")
	flag.Parse()
	if err := judge(context.Background(), *kubeconfig, *namespace); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func judge(ctx context.Context, kubeconfig, namespace string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	overrides, err := settings.NewSettingsManager(ctx, clients, namespace).GetResourceOverrides()
	if err != nil {
		return fmt.Errorf("reading Argo CD's settings: %w", err)
	}
	diffs, err := diff.NewDiffConfigBuilder().WithDiffSettings(nil, overrides, false, normalizers.IgnoreNormalizerOpts{}).
		WithTracking("app.kubernetes.io/instance", "annotation").WithNoCache().Build()
	if err != nil {
		return fmt.Errorf("preparing the comparison: %w", err)
	}
	var pairs []pair
	if err := json.NewDecoder(os.Stdin).Decode(&pairs); err != nil {
		return fmt.Errorf("reading the objects: %w", err)
	}
	verdicts := []verdict{}
	for _, p := range pairs {
		found, err := judgeOne(p, diffs, lua.ResourceHealthOverrides(overrides))
		if err != nil {
			return fmt.Errorf("%s %s: %w", p.Live.GetKind(), p.Live.GetName(), err)
		}
		verdicts = append(verdicts, found)
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

func judgeOne(p pair, diffs diff.DiffConfig, overrides lua.ResourceHealthOverrides) (verdict, error) {
	var found verdict
	status, err := health.GetResourceHealth(p.Live, overrides)
	if err != nil {
		return found, fmt.Errorf("judging its health: %w", err)
	}
	if status != nil {
		found.Health, found.Message = string(status.Status), status.Message
	}
	if p.Target == nil {
		return found, nil
	}
	result, err := diff.StateDiff(p.Live, p.Target, diffs)
	if err != nil {
		return found, fmt.Errorf("comparing it: %w", err)
	}
	if found.OutOfSync = result.Modified; result.Modified {
		found.Predicted = string(result.PredictedLive)
	}
	return found, nil
}
