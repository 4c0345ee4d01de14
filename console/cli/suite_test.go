package cli_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/cli"
	"rservice.dev/scim-operator/controllers"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestCLI(t *testing.T) { suite.Run(t, "kubectl scim") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

// tenant is a namespace with people who have the roles of config/roles in it.
type tenant struct {
	client.Client
	namespace string
	// input is what is typed.
	input io.Reader
}

// newTenant makes a namespace in which nothing runs.
func newTenant(ctx SpecContext) *tenant {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	return &tenant{Client: client.NewNamespacedClient(suite.Client(env.Config, rbacv1.AddToScheme), namespace), namespace: namespace}
}

// newRunning makes a namespace with the default rules and an endpoint, in which the controllers run.
func newRunning(ctx SpecContext, change ...func(*v1alpha1.ScimEndpoint)) *tenant {
	GinkgoHelper()
	t := newTenant(ctx)
	for _, file := range []string{"default-user-mapping.yaml", "default-organization-mapping.yaml"} {
		rule := &v1alpha1.AutomationRule{}
		read(filepath.Join("..", "..", "config", "rules", file), rule)
		Expect(t.Create(ctx, rule)).To(Succeed())
	}
	endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta"}, Spec: v1alpha1.ScimEndpointSpec{
		PublicURL: "https://scim.example.com/scim/v2", ClientProfile: v1alpha1.ClientProfileOkta,
	}}
	for _, f := range change {
		f(endpoint)
	}
	Expect(t.Create(ctx, endpoint)).To(Succeed())
	cfg, err := env.User("operator-of-"+t.namespace, "system:masters")
	Expect(err).NotTo(HaveOccurred())
	mgr := suite.NewManager(cfg, []string{t.namespace})
	Expect(controllers.Setup(context.WithoutCancel(ctx), mgr, controllers.Options{})).To(Succeed())
	suite.Start(ctx, mgr)
	return t
}

func read(path string, into any) {
	GinkgoHelper()
	data, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(data, into)).To(Succeed())
}

// grant gives the people of a namespace their roles: each user is called as the role.
func (t *tenant) grant(ctx SpecContext) {
	GinkgoHelper()
	var rules []rbacv1.PolicyRule
	granted := aggregated()
	for _, role := range []string{"viewer", "editor", "account-owner"} { // each has what the one before it has
		rules = append(rules, granted[role]...)
		meta := metav1.ObjectMeta{Name: role}
		Expect(t.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules})).To(Succeed())
		Expect(t.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role}},
		})).To(Succeed())
		Eventually(func() (bool, error) {
			return env.May(ctx, role, t.namespace, "list", v1alpha1.GroupVersion.WithResource("scimusers").GroupResource())
		}).Should(BeTrue())
	}
}

// aggregated are the rules of config/roles that each role adds to the one before it.
func aggregated() map[string][]rbacv1.PolicyRule {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "roles", "aggregate.yaml"))
	Expect(err).NotTo(HaveOccurred())
	found := map[string][]rbacv1.PolicyRule{}
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		role := &rbacv1.ClusterRole{}
		Expect(yaml.UnmarshalStrict([]byte(document), role)).To(Succeed())
		found[strings.TrimPrefix(role.Name, "scim-aggregate-to-")] = role.Rules
	}
	Expect(found).To(HaveLen(3))
	return found
}

// outcome is what a command came to.
type outcome struct {
	Out, Err string
	Code     int
}

// scim runs a command as the cluster's administrator, or as --as says. No token of the namespace may be in what it prints.
func (t *tenant) scim(ctx context.Context, args ...string) outcome {
	GinkgoHelper()
	var out, errOut bytes.Buffer
	input := t.input
	if input == nil {
		input = strings.NewReader("")
	}
	args = append(args, "--kubeconfig", env.Kubeconfig, "-n", t.namespace, "--cache-dir", GinkgoT().TempDir())
	code := cli.Run(ctx, args, genericiooptions.IOStreams{In: input, Out: &out, ErrOut: &errOut})
	o := outcome{out.String(), errOut.String(), code}
	t.expectNoSecrets(ctx, o.Out+o.Err)
	return o
}

// expectNoSecrets fails when a value of a Secret of the namespace is in a text.
func (t *tenant) expectNoSecrets(ctx context.Context, text string) {
	GinkgoHelper()
	secrets := &corev1.SecretList{}
	Expect(t.List(ctx, secrets)).To(Succeed())
	for i := range secrets.Items {
		for key, value := range secrets.Items[i].Data {
			if len(value) >= 16 {
				Expect(strings.Contains(text, string(value))).To(BeFalse(), "the output holds %s of Secret %s", key, secrets.Items[i].Name)
			}
		}
	}
}

// newUser is a ScimUser as the SCIM server makes it.
func newUser(userName, displayName string, change ...func(*v1alpha1.ScimUser)) *v1alpha1.ScimUser {
	now := v1alpha1.NewTimestamp(time.Now())
	user := &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String(), Finalizers: []string{v1alpha1.FinalizerDeprovision}},
		Spec:       v1alpha1.ScimUserSpec{UserName: userName, DisplayName: displayName, Active: new(true), ProvisionedAt: now, LastModified: now},
	}
	for _, f := range change {
		f(user)
	}
	return user
}

// newGroup is a ScimGroup as the SCIM server makes it.
func newGroup(displayName string, members ...*v1alpha1.ScimUser) *v1alpha1.ScimGroup {
	now := v1alpha1.NewTimestamp(time.Now())
	group := &v1alpha1.ScimGroup{
		ObjectMeta: metav1.ObjectMeta{Name: uuid.Must(uuid.NewV7()).String()},
		Spec:       v1alpha1.ScimGroupSpec{DisplayName: displayName, Members: []v1alpha1.GroupMember{}, ProvisionedAt: now, LastModified: now},
	}
	for _, member := range members {
		group.Spec.Members = append(group.Spec.Members, v1alpha1.GroupMember{ID: member.Name, Joined: now.Unix()})
	}
	return group
}

// settled creates an object and waits until controllers have come to an end with it: a reason of its condition Ready.
func (t *tenant) settled(ctx SpecContext, object client.Object, reason string) {
	GinkgoHelper()
	Expect(t.Create(ctx, object)).To(Succeed())
	t.eventually(ctx, object, reason)
}

// eventually waits until an object's condition Ready has a reason.
func (t *tenant) eventually(ctx SpecContext, object client.Object, reason string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(t.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		var conditions []metav1.Condition
		switch object := object.(type) {
		case *v1alpha1.ScimUser:
			conditions = object.Status.Conditions
		case *v1alpha1.ScimGroup:
			conditions = object.Status.Conditions
		case *v1alpha1.ScimEndpoint:
			conditions = object.Status.Conditions
		}
		ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Reason).To(Equal(reason), ready.Message)
	}).Should(Succeed())
}

// streams are those of a program whose output is looked at.
func streams(out io.Writer) genericiooptions.IOStreams {
	return genericiooptions.IOStreams{In: strings.NewReader(""), Out: out, ErrOut: GinkgoWriter}
}
