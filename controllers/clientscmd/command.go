// Package clientscmd is "manager clients secret": it makes a secret for an OAuth client of a ScimEndpoint.
package clientscmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/credentials"
	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Exit codes of Run.
const (
	// ExitOK says that the secret is stored.
	ExitOK = 0
	// ExitError says that there is no new secret.
	ExitError = 2
)

const usage = `Usage: manager clients secret -n <namespace> --endpoint <ScimEndpoint> --client <client id> --expires-in <duration> [flags]

Makes a secret for an OAuth client of a ScimEndpoint, prints it once, to standard output, and stores its SHA-256 and
its end in the Secret that spec.authentication.clients names for the client. Secrets that are there keep working until
they end, or until their key is deleted from the Secret.

`

// command is one run of the command line.
type command struct {
	out, err  io.Writer
	cluster   kube.Kubeconfig
	endpoint  string
	clientID  string
	name      string
	expiresIn time.Duration
	now       func() time.Time
}

// Run carries out the arguments after "manager clients" and returns the exit code.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	c := &command{out: out, err: errOut, now: time.Now}
	err := c.run(ctx, args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return ExitOK
	}
	fmt.Fprintf(errOut, "manager clients: %s\n", fold.Printable(err.Error()))
	return ExitError
}

func (c *command) run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("manager clients secret", flag.ContinueOnError)
	flags.SetOutput(c.err)
	flags.Usage = func() {
		fmt.Fprint(c.err, usage)
		flags.PrintDefaults()
	}
	c.cluster.Bind(flags)
	flags.StringVar(&c.cluster.Namespace, "namespace", "", "the same as -n")
	flags.StringVar(&c.endpoint, "endpoint", "", "name of the ScimEndpoint")
	flags.StringVar(&c.clientID, "client", "", "clientID of an element of its spec.authentication.clients")
	flags.StringVar(&c.name, "name", "", "what the secret is called; unset: the time, such as 2026-11-29t120000z")
	flags.DurationVar(&c.expiresIn, "expires-in", 0, "for how long the secret works, such as 8760h for a year; three years at most")
	if len(args) == 0 || args[0] != "secret" {
		if len(args) > 0 && strings.HasPrefix(args[0], "-") {
			return flags.Parse(args) // --help
		}
		return errors.New(`want "manager clients secret"; see its --help`)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	case c.endpoint == "" || c.clientID == "":
		return errors.New("--endpoint and --client are needed; see --help")
	case c.expiresIn <= 0 || c.expiresIn > credentials.MaxClientSecretLifetime:
		return fmt.Errorf("--expires-in must be more than 0 and at most %s (three years)", credentials.MaxClientSecretLifetime)
	}
	connected, namespace, err := c.cluster.Connect()
	if err != nil {
		return err
	}
	return c.makeSecret(ctx, connected, namespace)
}

// makeSecret stores the hash of a new secret, then prints the secret.
func (c *command) makeSecret(ctx context.Context, to client.Client, namespace string) error {
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := to.Get(ctx, client.ObjectKey{Namespace: namespace, Name: c.endpoint}, endpoint); err != nil {
		return fmt.Errorf("read ScimEndpoint %s in namespace %s: %w", c.endpoint, namespace, err)
	}
	known := endpoint.Client(c.clientID)
	if known == nil || known.SecretName == "" {
		return fmt.Errorf("ScimEndpoint %s has no client %q with a secretName. Add to its spec.authentication.clients: {clientID: %q, secretName: %s-client}",
			c.endpoint, c.clientID, c.clientID, c.endpoint)
	}
	ends := c.now().Add(c.expiresIn).UTC()
	if c.name == "" {
		c.name = strings.ToLower(c.now().UTC().Format("2006-01-02t150405z"))
	}
	if problems := validation.IsConfigMapKey(c.name); len(problems) > 0 || strings.HasSuffix(c.name, credentials.ExpirySuffix) ||
		slices.Contains(credentials.ReservedKeys(), c.name) {
		return fmt.Errorf("--name %q cannot be the name of a client secret: take letters, digits, - and _", c.name)
	}
	made := credentials.NewClientSecret()
	if err := c.store(ctx, to, endpoint, known.SecretName, made, ends); err != nil {
		return err
	}
	fmt.Fprintf(c.err, "Secret %s in namespace %s has the hash of %s, which works until %s.\nThe secret itself is shown now and never again:\n",
		known.SecretName, namespace, c.name, ends.Format(time.RFC3339))
	fmt.Fprintln(c.out, made)
	return nil
}

// store adds a secret to those that are in a Secret, or makes that. It replaces none.
func (c *command) store(ctx context.Context, to client.Client, endpoint *v1alpha1.ScimEndpoint, name, made string, ends time.Time) error {
	data := map[string][]byte{
		c.name:                            []byte(credentials.HashOf(made)),
		c.name + credentials.ExpirySuffix: []byte(ends.Format(time.RFC3339)),
	}
	secret := &corev1.Secret{}
	err := to.Get(ctx, client.ObjectKey{Namespace: endpoint.Namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		secret.ObjectMeta = metav1.ObjectMeta{
			Namespace: endpoint.Namespace, Name: name, Labels: map[string]string{v1alpha1.LabelEndpoint: endpoint.Name},
		}
		secret.Data = data
		if err := to.Create(ctx, secret); err != nil {
			return fmt.Errorf("create Secret %s: %w", name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read Secret %s: %w", name, err)
	}
	if _, taken := secret.Data[c.name]; taken {
		return fmt.Errorf("secret %s has a key %q already; choose another --name", name, c.name)
	}
	if there := credentials.ClientSecrets(secret, c.now()); len(there) >= credentials.MaxClientSecrets {
		return fmt.Errorf("secret %s has %d secrets, and no more count: delete the keys of some that are over", name, len(there))
	}
	before := secret.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	maps.Copy(secret.Data, data)
	if err := to.Patch(ctx, secret, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("update Secret %s: %w", name, err)
	}
	return nil
}
