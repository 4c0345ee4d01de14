package cli

import (
	"fmt"
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
)

// pageSize is how many objects a command asks the API server for at once: as many as kubectl does.
const pageSize = 500

// session is what all commands work with.
type session struct {
	genericiooptions.IOStreams

	flags *genericclioptions.ConfigFlags
}

// cluster is where a command works.
type cluster struct {
	client.WithWatch

	config    *rest.Config
	namespace string
}

// connect reads the kubeconfig by the flags. It sends no request. A command that tells of several namespaces is none of
// ours: what a client pushes is in one.
func (s *session) connect() (*cluster, error) {
	namespace, _, err := s.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("find the namespace: %w", err)
	}
	config, err := s.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster (set --kubeconfig or KUBECONFIG): %w", err)
	}
	config.WarningHandler = rest.NewWarningWriter(s.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	// The API server has limits of its own; those of client-go would make paging through a namespace take minutes.
	config.QPS = -1
	scheme, err := kube.NewScheme()
	if err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &cluster{WithWatch: c, config: config, namespace: namespace}, nil
}

// now is the time that ages are counted to.
func now() time.Time { return time.Now() }
