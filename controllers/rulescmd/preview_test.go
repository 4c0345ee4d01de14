package rulescmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rulescmd"
	"rservice.dev/scim-operator/hack/testenv"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

var env *testenv.Env

func TestPreview(t *testing.T) { suite.Run(t, "Preview against a cluster") }

var _ = BeforeSuite(func() { env = testenv.StartFor(GinkgoT()) })

// newNamespace gives a client for a namespace with no controllers in it.
func newNamespace(ctx SpecContext) (client.Client, string) {
	GinkgoHelper()
	namespace := env.Namespace(ctx, GinkgoT())
	return client.NewNamespacedClient(suite.Client(env.Config), namespace), namespace
}

func newUser(i int, title string) *v1alpha1.ScimUser {
	return &v1alpha1.ScimUser{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("0193f5c0-0000-7000-8000-%012d", i)},
		Spec: v1alpha1.ScimUserSpec{
			UserName: fmt.Sprintf("user-%d@example.com", i), Title: title, LastModified: v1alpha1.NewTimestamp(time.Now()),
		},
	}
}

func personOf(user *v1alpha1.ScimUser) *v1alpha1.Person {
	return &v1alpha1.Person{ObjectMeta: metav1.ObjectMeta{Name: "person-of-" + user.Name}, Spec: v1alpha1.PersonSpec{
		PrimaryEmail: user.Spec.UserName, JobTitle: user.Spec.Title, Source: v1alpha1.SourceSCIM, SourceID: user.Name,
	}}
}

func ruleFile(text string) string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), "rule.yaml")
	Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	return path
}

const titles = `
apiVersion: provisioning.rservice.dev/v1alpha1
kind: AutomationRule
metadata: {name: titles}
spec:
  subject: ScimUser
  position: 10
  update:
    kind: Person
    match: {primaryEmail: user.userName}
    create: true
    set: [{field: jobTitle, value: 'user.title == "Boss" ? customFields.title : user.title + "!"'}]
`

// preview runs the command and returns what it prints.
func preview(ctx SpecContext, namespace string, args ...string) string {
	GinkgoHelper()
	var out, errOut bytes.Buffer
	args = append([]string{"preview", "--kubeconfig", env.Kubeconfig, "-n", namespace}, args...)
	Expect(rulescmd.Run(ctx, args, &out, &errOut)).To(Equal(rulescmd.ExitOK), errOut.String())
	return out.String()
}

var _ = Describe("a preview", func() {
	It("shows each difference, and writes nothing", func(ctx SpecContext) {
		c, namespace := newNamespace(ctx)
		jane, boss, newcomer := newUser(1, "Engineer"), newUser(2, "Boss"), newUser(3, "Designer")
		for _, object := range []client.Object{jane, boss, newcomer, personOf(jane), personOf(boss)} {
			Expect(c.Create(ctx, object)).To(Succeed())
		}
		file := ruleFile(titles)
		// A namespace's service account is made by Kubernetes when it comes to it.
		ours := testenv.Filter{Namespace: namespace, User: "admin"}
		before, err := env.AuditWrites(ctx, ours)
		Expect(err).NotTo(HaveOccurred())
		Expect(preview(ctx, namespace, "-f", file)).To(Equal(`user-1@example.com 0193f5c0-0000-7000-8000-000000000001 (ScimUser)
  Person person-of-0193f5c0-0000-7000-8000-000000000001
  - jobTitle: Engineer
  + jobTitle: Engineer!
user-2@example.com 0193f5c0-0000-7000-8000-000000000002 (ScimUser)
  ! ExpressionError: rule titles: set[0] jobTitle, line 1, column 22: a map has no such key; write [?key] or .?key where it can be missing
user-3@example.com 0193f5c0-0000-7000-8000-000000000003 (ScimUser)
  Person, created
  + primaryEmail: user-3@example.com
  + jobTitle: Designer!
  + source: SCIM
  + sourceID: 0193f5c0-0000-7000-8000-000000000003
would change 1 of 2 persons: jobTitle 1; create 1 person; fail for 1 user: ExpressionError 1
ExpressionError for 1 user: rule titles: set[0] jobTitle, line 1, column 22: a map has no such key; write [?key] or .?key where it can be missing
`))
		Expect(preview(ctx, namespace, "-f", file, "--limit", "1")).To(ContainSubstring("and 2 more, see --limit\n"))

		var results []struct {
			Summary     []string         `json:"summary"`
			Subjects    int              `json:"subjects"`
			Differences []map[string]any `json:"differences"`
		}
		Expect(json.Unmarshal([]byte(preview(ctx, namespace, "-f", file, "-o", "json")), &results)).To(Succeed())
		Expect(results).To(HaveLen(1))
		Expect(results[0].Subjects).To(Equal(3))
		Expect(results[0].Differences).To(HaveLen(3))
		Expect(results[0].Summary[0]).To(HavePrefix("would change 1 of 2 persons"))
		Expect(env.AuditWrites(ctx, ours)).To(HaveLen(len(before)))
	})

	It("prints nothing that a terminal would obey or take for another line", func(ctx SpecContext) {
		c, namespace := newNamespace(ctx)
		user := newUser(1, "Boss\nwould change nothing\x1b[1A\u202e\u009b")
		user.Spec.Title += "\U000e0001"
		Expect(c.Create(ctx, user)).To(Succeed())
		file := ruleFile(titles)
		Expect(preview(ctx, namespace, "-f", file)).To(ContainSubstring(
			`  + jobTitle: "Boss\nwould change nothing\x1b[1A\u202e\u009b\U000e0001!"` + "\n"))
		text := preview(ctx, namespace, "-f", file, "-o", "json")
		Expect(text).To(ContainSubstring(`"Boss\nwould change nothing\u001b[1A\u202e\u009b\udb40\udc01!"`))
		var decoded any
		Expect(json.Unmarshal([]byte(text), &decoded)).To(Succeed())
	})

	It("reads page after page", func(ctx SpecContext) {
		c, namespace := newNamespace(ctx)
		const users = 501
		for i := range users {
			Expect(c.Create(ctx, newUser(i, "Engineer"))).To(Succeed())
		}
		Expect(preview(ctx, namespace, "-f", ruleFile(titles), "--limit", "1")).To(HaveSuffix("and 500 more, see --limit\nwould create 501 persons\n"))
	})
})
