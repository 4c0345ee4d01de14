// Package demo looks at the custom resources that a simulation should have led
// to: as checks, and as a person would see them with kubectl.
package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/oktasim/internal/report"
	"rservice.dev/scim-operator/hack/oktasim/internal/sim"
)

const pollInterval = 500 * time.Millisecond

// Demo reads the namespace that a SCIM endpoint writes to.
type Demo struct {
	Client     client.Client
	Kubeconfig string
	Namespace  string
	// Wait is how long the custom resources may stay as they are while they are not what
	// they should be. As long as they come nearer to that, there is no limit.
	Wait time.Duration
	Out  io.Writer
}

// New connects to the cluster of a kubeconfig file.
func New(kubeconfig, namespace string, wait time.Duration, out io.Writer) (*Demo, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of the connection: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("building the scheme: %w", err)
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a Kubernetes client: %w", err)
	}
	return &Demo{Client: c, Kubeconfig: kubeconfig, Namespace: namespace, Wait: wait, Out: out}, nil
}

// Verify waits until every expectation is met, or for Wait none more is, and puts the
// outcome of each into the report.
func (d *Demo) Verify(ctx context.Context, rep *report.Report, s *sim.Sim, failing sim.FailingResources) error {
	giveUp, most := time.Now().Add(d.Wait), 0
	for {
		cluster, err := patiently(ctx, d, func() (*cluster, error) { return d.read(ctx) })
		if err != nil {
			return err
		}
		outcomes := judge(cluster, s, failing)
		met := countMet(outcomes)
		if met > most {
			giveUp, most = time.Now().Add(d.Wait), met
		}
		if met == len(outcomes) || time.Now().After(giveUp) {
			for _, o := range outcomes {
				rep.Step(o.step, "").Check(o.problem == "", "%s", o.problem)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

// patiently tries again while the API server is away, at most Wait: it may be
// restarting just then.
func patiently[T any](ctx context.Context, d *Demo, try func() (T, error)) (T, error) {
	giveUp := time.Now().Add(d.Wait)
	for {
		result, err := try()
		if err == nil || time.Now().After(giveUp) {
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, err
		case <-time.After(pollInterval):
		}
	}
}

// cluster is what the namespace holds, by what the checks look things up by.
type cluster struct {
	users         map[string]*v1alpha1.ScimUser
	groups        map[string]*v1alpha1.ScimGroup
	organizations map[string]*v1alpha1.Organization
	// persons are by sourceID, the SCIM id of their user.
	persons map[string][]*v1alpha1.Person
}

func (d *Demo) read(ctx context.Context) (*cluster, error) {
	var users v1alpha1.ScimUserList
	var groups v1alpha1.ScimGroupList
	var organizations v1alpha1.OrganizationList
	var persons v1alpha1.PersonList
	for _, list := range []client.ObjectList{&users, &groups, &organizations, &persons} {
		if err := d.Client.List(ctx, list, client.InNamespace(d.Namespace)); err != nil {
			return nil, fmt.Errorf("reading the custom resources: %w", err)
		}
	}
	out := &cluster{
		users: map[string]*v1alpha1.ScimUser{}, groups: map[string]*v1alpha1.ScimGroup{},
		organizations: map[string]*v1alpha1.Organization{}, persons: map[string][]*v1alpha1.Person{},
	}
	for i := range users.Items {
		out.users[users.Items[i].Name] = &users.Items[i]
	}
	for i := range groups.Items {
		out.groups[groups.Items[i].Name] = &groups.Items[i]
	}
	for i := range organizations.Items {
		out.organizations[organizations.Items[i].Name] = &organizations.Items[i]
	}
	for i := range persons.Items {
		p := &persons.Items[i]
		out.persons[p.Spec.SourceID] = append(out.persons[p.Spec.SourceID], p)
	}
	return out, nil
}
