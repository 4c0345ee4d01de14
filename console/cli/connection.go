package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
)

// Connection is what `connection` tells of a ScimEndpoint. It holds no token.
type Connection struct {
	Namespace string                 `json:"namespace"`
	Endpoint  string                 `json:"endpoint"`
	Profile   v1alpha1.ClientProfile `json:"clientProfile"`
	// BaseURL is what is typed into the client; empty where spec.publicURL is unset.
	BaseURL string `json:"baseURL,omitempty"`
	// Token tells where the bearer token is.
	Token TokenPlace `json:"token"`
	// Tokens tell of ages, never of values.
	Tokens []v1alpha1.TokenStatus `json:"tokens"`
	// TokenURL and Clients are those of OAuth clients.
	TokenURL      string                       `json:"tokenURL,omitempty"`
	Clients       []v1alpha1.OAuthClientStatus `json:"clients,omitempty"`
	LastRequestAt *v1alpha1.Timestamp          `json:"lastRequestAt,omitempty"`
	Users         int64                        `json:"users"`
	Groups        int64                        `json:"groups"`
	Errors        int64                        `json:"errors"`
	// Limits are what spec.limits asks for, with defaults in the place of what it leaves out.
	Limits         bounds.Limits      `json:"limits"`
	AllowedSources []string           `json:"allowedSources,omitempty"`
	Refusals       []v1alpha1.Refusal `json:"refusals,omitempty"`
	// Wrong are the conditions that are not as they should be, and Remedies what to do about them.
	Wrong    []metav1.Condition `json:"wrong,omitempty"`
	Remedies []story.Remedy     `json:"remedies,omitempty"`
	// Steps are what the client must be told.
	Steps []string `json:"steps"`
}

// TokenPlace is where a token is, and how to read it.
type TokenPlace struct {
	SecretName string `json:"secretName"`
	Key        string `json:"key"`
	// Command prints the token, for whoever may read the Secret.
	Command string `json:"command"`
}

func newConnection(s *session) *cobra.Command {
	var output format
	cmd := &cobra.Command{
		Use:   "connection [ENDPOINT...]",
		Short: "Show what to type into the SCIM client, and how the connection fares",
		Long: `Show what to type into the SCIM client, and how the connection fares: base URL, where the token is, when it was used
last, what was refused last and what would let it in, the limits.

The token itself is in no output of this program: the command that is shown prints it, for whoever may read the Secret.
A Secret with the key tokenHash holds none: whoever made that token has it.

The exit code is 1 if something is wrong with an endpoint.`,
		Example: `  # Of all endpoints of the namespace
  kubectl scim connection -n acme

  # The base URL alone
  kubectl scim connection okta -n acme -o json | jq -r .[].baseURL`,
		ValidArgsFunction: s.completeNames(endpointList),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			return s.connection(cmd.Context(), args, output)
		},
	}
	output.bind(cmd, formatJSON, formatYAML)
	return cmd
}

func (s *session) connection(ctx context.Context, names []string, output format) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	endpoints, err := c.endpoints(ctx, names)
	if err != nil {
		return err
	}
	found := []Connection{}
	for i := range endpoints {
		found = append(found, describeConnection(&endpoints[i]))
	}
	if done, err := output.data(s.Out, found); done || err != nil {
		return wrongIf(err, slices.ContainsFunc(found, func(c Connection) bool { return len(c.Wrong) > 0 }))
	}
	for i := range found {
		if i > 0 {
			fmt.Fprintln(s.Out)
		}
		found[i].print(s)
	}
	return wrongIf(nil, slices.ContainsFunc(found, func(c Connection) bool { return len(c.Wrong) > 0 }))
}

// wrongIf is the error that says that something is wrong, unless there is another one.
func wrongIf(err error, wrong bool) error {
	if err == nil && wrong {
		return errWrong
	}
	return err
}

// endpoints are those of these names, or all of the namespace. None at all is an error that says how to begin.
func (c *cluster) endpoints(ctx context.Context, names []string) ([]v1alpha1.ScimEndpoint, error) {
	var found []v1alpha1.ScimEndpoint
	for _, name := range names {
		endpoint := v1alpha1.ScimEndpoint{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &endpoint); err != nil {
			return nil, err
		}
		found = append(found, endpoint)
	}
	if len(names) > 0 {
		return found, nil
	}
	list := &v1alpha1.ScimEndpointList{}
	if err := c.List(ctx, list, client.InNamespace(c.namespace)); err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, fmt.Errorf("namespace %s has no ScimEndpoint, which is the connection of a SCIM client. Another namespace: -n. To make one: config/samples/tenant", c.namespace)
	}
	return list.Items, nil
}

func describeConnection(endpoint *v1alpha1.ScimEndpoint) Connection {
	limits, _ := bounds.Bounds{}.Limits(endpoint.Spec.Limits)
	status := &endpoint.Status
	c := Connection{
		Namespace: endpoint.Namespace, Endpoint: endpoint.Name, Profile: endpoint.Spec.ClientProfile, BaseURL: endpoint.Spec.PublicURL,
		Token: TokenPlace{
			SecretName: endpoint.SecretName(), Key: v1alpha1.SecretKeyToken, Command: endpoint.ReadTokenCommand(),
		},
		Tokens: status.Tokens, TokenURL: status.Connection.TokenURL, Clients: status.Connection.Clients, LastRequestAt: status.LastRequestAt,
		Users: status.Users, Groups: status.Groups, Errors: status.Errors, Limits: limits, AllowedSources: endpoint.Spec.AllowedSources,
		Refusals: status.Refusals, Wrong: wrongConditions(status.Conditions),
	}
	if c.Profile == "" {
		c.Profile = v1alpha1.ClientProfileStandard
	}
	names := story.Names{Namespace: endpoint.Namespace, Endpoint: endpoint.Name}
	if status.Held != nil {
		names.Held = status.Held.Generation
	}
	for _, condition := range c.Wrong {
		if remedy, known := story.RemedyFor(condition.Reason, names); known {
			c.Remedies = append(c.Remedies, remedy)
		}
	}
	c.Steps = c.steps()
	return c
}

// wrongConditions are those of an endpoint that somebody has to see to: Ready where it is not, and all others but
// Reconciling, which are there only while something is wrong.
func wrongConditions(conditions []metav1.Condition) []metav1.Condition {
	var wrong []metav1.Condition
	if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready != nil && ready.Status != metav1.ConditionTrue {
		wrong = append(wrong, *ready)
	}
	for _, condition := range conditions {
		switch condition.Type {
		case v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled:
			continue // Stalled repeats Ready
		}
		if condition.Status == metav1.ConditionTrue {
			wrong = append(wrong, condition)
		}
	}
	return wrong
}

// steps are what the client must be told, in its own words.
func (c *Connection) steps() []string {
	url := c.BaseURL
	if url == "" {
		url = "the address of the Ingress, followed by /scim/v2 (spec.publicURL is not set)"
	}
	switch c.Profile {
	case v1alpha1.ClientProfileOkta:
		return []string{
			"SCIM connector base URL: " + url, "Unique identifier field for users: userName",
			"Supported provisioning actions: Push New Users, Push Profile Updates, Push Groups",
			"Authentication mode: HTTP Header; Authorization: the token",
			"Then To App: Create Users, Update User Attributes, Deactivate Users",
		}
	case v1alpha1.ClientProfileEntra:
		if len(c.Clients) > 0 {
			return []string{"Tenant URL: " + url, "Token endpoint: " + orNone(c.TokenURL), "Client identifier: " + c.clientIDs()}
		}
		return []string{"Tenant URL: " + url, "Secret Token: the token"}
	}
	return []string{"SCIM base URL: " + url, "Header of every request: Authorization: Bearer, a blank, the token"}
}

func (c *Connection) clientIDs() string {
	var ids []string
	for _, known := range c.Clients {
		ids = append(ids, known.ClientID)
	}
	return strings.Join(ids, ", ")
}

func (c *Connection) print(s *session) {
	p := &sheet{out: s.Out}
	p.line("ScimEndpoint", c.Namespace+"/"+c.Endpoint)
	for _, condition := range c.Wrong {
		mark := marks[story.SeverityError]
		if condition.Status == metav1.ConditionUnknown {
			mark = marks[story.SeverityWaiting]
		}
		p.line(mark, condition.Type+", "+condition.Reason+": "+condition.Message)
	}
	for _, remedy := range c.Remedies {
		p.line("Do", advice(remedy))
		for _, command := range remedy.Commands {
			p.line("", "$ "+command)
		}
	}
	p.line("Base URL", orNone(c.BaseURL))
	p.linef("Token", "Secret %s, key %s; to read it:", c.Token.SecretName, c.Token.Key)
	p.line("", "  "+c.Token.Command)
	for _, token := range c.Tokens {
		p.line("  "+string(token.State), describeToken(token))
	}
	p.line("Token URL", c.TokenURL)
	for _, known := range c.Clients {
		p.line("  Client", describeClient(known))
	}
	p.line("Last request", ago(c.LastRequestAt))
	p.linef("Holds", "%s, %s; %s", plural(c.Users, "user"), plural(c.Groups, "group"), plural(c.Errors, "error"))
	p.line("Limits", describeLimits(c.Limits))
	p.line("Sources", strings.Join(c.AllowedSources, ", "))
	if len(c.Refusals) > 0 {
		last := c.Refusals[0]
		p.linef("Last refusal", "%s, %s, from %s, %s", last.Reason, ago(&last.LastAt), orNone(last.Source), plural(last.Count, "time"))
		p.line("  Why", last.Message)
		p.line("  Remedy", last.Remedy)
	}
	p.linef("Tell the client", "(%s)", c.Profile)
	for _, step := range c.Steps {
		p.line("", "- "+step)
	}
	p.flush()
}

func describeToken(t v1alpha1.TokenStatus) string {
	parts := []string{t.ID}
	if t.IssuedAt != nil {
		parts = append(parts, "made "+ago(t.IssuedAt))
	}
	used := "used last " + ago(t.LastUsedAt)
	if t.LastUsedAt == nil {
		used = "never used"
	}
	if t.LastSource != "" {
		used += " from " + t.LastSource
	}
	parts = append(parts, used)
	if t.ExpiresAt != nil {
		parts = append(parts, "ends "+in(t.ExpiresAt))
	}
	return strings.Join(parts, ", ")
}

func describeClient(known v1alpha1.OAuthClientStatus) string {
	parts := []string{known.ClientID}
	for _, secret := range known.Secrets {
		parts = append(parts, "secret "+secret.Name+" ends "+in(&secret.ExpiresAt))
	}
	return strings.Join(parts, ", ")
}

func describeLimits(l bounds.Limits) string {
	rate := "any number of requests per second"
	if l.RequestsPerSecond > 0 {
		rate = fmt.Sprintf("%d requests per second, %d at once", l.RequestsPerSecond, l.Burst)
	}
	return fmt.Sprintf("%s; body at most %d KiB; %d on a page", rate, l.BodyBytes/1024, l.PageSize)
}
