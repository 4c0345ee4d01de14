package kube

import (
	"flag"
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kubeconfig says in which cluster and namespace a command works. The zero value is what kubectl
// does without flags.
type Kubeconfig struct {
	// File is a kubeconfig; "" means KUBECONFIG, or the one in the home folder.
	File string
	// Context is a context of it; "" means the current one.
	Context string
	// Namespace is the namespace; "" means that of the context.
	Namespace string
}

// Bind adds the flags -n, --kubeconfig and --context.
func (k *Kubeconfig) Bind(flags *flag.FlagSet) {
	flags.StringVar(&k.Namespace, "n", "", "namespace of the tenant; unset: the one of the kubeconfig's context")
	flags.StringVar(&k.File, "kubeconfig", "", "kubeconfig; unset: KUBECONFIG, or the one in the home folder")
	flags.StringVar(&k.Context, "context", "", "context of the kubeconfig")
}

// Connect returns a client, which reads from the API server, and the namespace to work in.
func (k *Kubeconfig) Connect() (client.Client, string, error) {
	loading := clientcmd.NewDefaultClientConfigLoadingRules()
	loading.ExplicitPath = k.File
	config := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(loading, &clientcmd.ConfigOverrides{CurrentContext: k.Context})
	namespace := k.Namespace
	if namespace == "" {
		var err error
		if namespace, _, err = config.Namespace(); err != nil {
			return nil, "", fmt.Errorf("find the namespace: %w", err)
		}
	}
	rest, err := config.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("find the cluster (set --kubeconfig or KUBECONFIG): %w", err)
	}
	scheme, err := NewScheme()
	if err != nil {
		return nil, "", err
	}
	c, err := client.New(rest, client.Options{Scheme: scheme})
	if err != nil {
		return nil, "", fmt.Errorf("connect to the cluster: %w", err)
	}
	return c, namespace, nil
}
