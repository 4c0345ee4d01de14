package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/cli"
	"rservice.dev/scim-operator/hack/testenv/assets"
)

var _ = Describe("completion", func() {
	It("knows users by userName, groups by display name, and rules", func(ctx SpecContext) {
		t := newTenant(ctx)
		t.grant(ctx)
		for _, object := range []string{"anna@example.com", "Annika@example.com", "bert@example.com"} {
			Expect(t.Create(ctx, newUser(object, ""))).To(Succeed())
		}
		Expect(t.Create(ctx, newGroup("Ancient Greek"))).To(Succeed())
		complete := func(args ...string) []string {
			GinkgoHelper()
			// What is completed comes last.
			run := append([]string{"__complete", "--kubeconfig", env.Kubeconfig, "-n", t.namespace, "--as", "viewer"}, args...)
			var out bytes.Buffer
			cli.Run(ctx, run, streams(&out))
			return lines(out.String())
		}
		Expect(complete("why", "an")).To(ConsistOf("Ancient Greek", "Annika@example.com", "anna@example.com", ":4"))
		Expect(complete("why", "anna@example.com", "anna")).To(ConsistOf(":4"), "given already")
		Expect(complete("connection", "-o", "")).To(ConsistOf("json", "yaml", ":4"))
		Expect(complete("er")).To(ContainElement(HavePrefix("errors\t")))
	})
})

var _ = Describe("the plugin", Ordered, func() {
	var binaries, prefix string
	BeforeAll(func(ctx SpecContext) {
		var err error
		binaries, err = assets.Ensure(ctx, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		prefix = GinkgoT().TempDir()
		output, err := exec.CommandContext(ctx, "make", "-C", "../..", "install-plugin", "PREFIX="+prefix).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
	})

	It("says what a request would do, as config/operate.md has it, and writes nothing", func(ctx SpecContext) {
		t := newRunning(ctx)
		t.grant(ctx)
		anna := newUser("anna@example.com", "Anna Smith")
		t.settled(ctx, anna, v1alpha1.ReasonReady)
		before := t.versions(ctx)
		folder := GinkgoT().TempDir()
		file := func(name, text string) string {
			GinkgoHelper()
			path := filepath.Join(folder, name)
			Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
			return path
		}
		for _, c := range []struct {
			args  []string
			input string
			code  int
			told  []string
		}{
			{[]string{"POST", "/Users", "-f", file("body.json", `{"userName": "bert@example.com", "displayName": "Bert Jones"}`)}, "", cli.ExitOK, []string{
				"201: ScimUser bert@example.com would be created\n", "+ userName: bert@example.com\n", "default-user-mapping: Applied: ", "Person, created\n", "+ name: Bert Jones\n",
			}},
			{[]string{"DELETE", "/Users/" + anna.Name}, "", cli.ExitOK, []string{
				"204: ScimUser anna@example.com would be deleted\n", "Person " + anna.Status.Person.Name + "\n", "+ disabled: true\n",
			}},
			{[]string{"-f", file("request.json", `{"method": "PUT", "path": "/scim/v2/Users/`+anna.Name+`", "body": {"userName": "anna@example.com", "displayName": "Anna Jones"}}`)}, "", cli.ExitOK, []string{
				"200: ScimUser anna@example.com would be changed\n", "- displayName: Anna Smith\n", "+ displayName: Anna Jones\n", "- name: Anna Smith\n", "+ name: Anna Jones\n",
			}},
			{[]string{"POST", "/Users", "-f", "-"}, `{"userName": "ANNA@example.com"}`, cli.ExitWrong, []string{"Refused: 409 uniqueness\n"}},
			{[]string{"PATCH", "/Users/" + anna.Name, "-f", "-"}, `{"Operations": [{"op": "replace", "path": "userName", "value": ""}]}`, cli.ExitWrong, []string{"Refused: 400 invalidValue\n"}},
			{[]string{"DELETE", "/Users/none"}, "", cli.ExitWrong, []string{"Refused: 404\n"}},
			{[]string{"POST", "/Users", "-f", "-"}, `{"userName": "badge-17"}`, cli.ExitOK, []string{"ScimUser badge-17 would be created\n", "ConditionNotMet"}},

			{nil, "", cli.ExitError, []string{"error: say which request: -f with a file"}},
			{[]string{"DELETE"}, "", cli.ExitError, []string{"error: what-if takes a method and a path, such as PATCH /Users/<id>"}},
			{[]string{"POST", "/Users", "-f", filepath.Join(folder, "missing.json")}, "", cli.ExitError, []string{"error: open ", "no such file"}},
			{[]string{"POST", "/Persons", "-f", "-"}, "{}", cli.ExitError, []string{`error: path "/Persons" is neither /Users nor /Groups`}},
			{[]string{"GET", "/Users/" + anna.Name}, "", cli.ExitError, []string{`error: method "GET" changes nothing: use POST, PUT, PATCH or DELETE`}},
			{[]string{"POST", "/Users", "-f", "-"}, "userName: a", cli.ExitError, []string{"error: read the request: it is no JSON object"}},
			{[]string{"DELETE", "/Users/" + anna.Name, "--as", "nobody"}, "", cli.ExitError, []string{"error: ", "is forbidden", "ClusterRole scim-viewer has this right"}},
			{[]string{"DELETE", "/Users/" + anna.Name, "--as", "viewer"}, "", cli.ExitOK, []string{"would be deleted\n"}},
		} {
			t.input = strings.NewReader(c.input)
			args := append([]string{"scim", "what-if", "--kubeconfig", env.Kubeconfig, "-n", t.namespace}, c.args...)
			out, code := t.run(ctx, filepath.Join(prefix, "bin"), filepath.Join(binaries, "kubectl"), args...)
			Expect(code).To(Equal(c.code), "%v: %s", c.args, out)
			for _, told := range c.told {
				Expect(out).To(ContainSubstring(told), "%v", c.args)
			}
		}
		Expect(t.versions(ctx)).To(Equal(before))
	})

	It("is what kubectl calls", func(ctx SpecContext) {
		t := newTenant(ctx)
		user := newUser("anna@example.com", "Anna Smith")
		Expect(t.Create(ctx, user)).To(Succeed())
		kubectl := func(args ...string) (string, int) {
			GinkgoHelper()
			return t.run(ctx, filepath.Join(prefix, "bin"), filepath.Join(binaries, "kubectl"), args...)
		}
		out, code := kubectl("scim", "why", "anna@example.com", "--kubeconfig", env.Kubeconfig, "-n", t.namespace)
		Expect(out).To(HavePrefix("ScimUser anna@example.com (" + t.namespace + "/" + user.Name + ")\n"))
		Expect(code).To(Equal(cli.ExitOK), out)
		out, code = kubectl("scim", "why", "bert@example.com", "--kubeconfig", env.Kubeconfig, "-n", t.namespace)
		Expect(out).To(ContainSubstring("nobody and nothing"))
		Expect(code).To(Equal(cli.ExitError))
		out, _ = kubectl("__complete", "scim", "why", "--kubeconfig", env.Kubeconfig, "-n", t.namespace, "an")
		Expect(lines(out)).To(ContainElement("anna@example.com"))
		out, _ = t.run(ctx, "", filepath.Join(prefix, "bin", cli.Plugin), "version")
		Expect(out).To(ContainSubstring("commit "))
	})
})

// run runs a program with plugins, and returns what it prints and its exit code.
func (t *tenant) run(ctx context.Context, plugins, program string, args ...string) (string, int) {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), "PATH="+plugins+":"+os.Getenv("PATH"), "HOME="+GinkgoT().TempDir()), t.input
	output, err := cmd.CombinedOutput()
	if err != nil {
		Expect(err).To(BeAssignableToTypeOf(&exec.ExitError{}))
	}
	t.expectNoSecrets(ctx, string(output))
	return strings.TrimPrefix(string(output), "\n"), cmd.ProcessState.ExitCode()
}

// versions are those of all that a SCIM request changes, directly or by rules.
func (t *tenant) versions(ctx context.Context) map[string]string {
	GinkgoHelper()
	versions := map[string]string{}
	for _, list := range []client.ObjectList{&v1alpha1.ScimUserList{}, &v1alpha1.PersonList{}, &v1alpha1.AutomationRuleExecutionList{}, &coordinationv1.LeaseList{}} {
		Expect(t.List(ctx, list)).To(Succeed())
		Expect(meta.EachListItem(list, func(item runtime.Object) error {
			object, err := meta.Accessor(item)
			versions[fmt.Sprintf("%T %s", item, object.GetName())] = object.GetResourceVersion()
			return err
		})).To(Succeed())
	}
	return versions
}

// link waits for the link in what a command prints.
type link struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *link) address() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+/\S+`).FindString(l.text.String())
}

var _ = Describe("console", func() {
	It("serves the pages on this machine, by a link that works once, until it is stopped", func(ctx SpecContext) {
		t := newTenant(ctx)
		t.grant(ctx)
		running, stop := context.WithCancel(ctx)
		printed, ended := &link{}, make(chan int)
		args := []string{"console", "--kubeconfig", env.Kubeconfig, "-n", t.namespace, "--as", "viewer"}
		go func() { ended <- cli.Run(running, args, streams(printed)) }()
		DeferCleanup(stop)
		Eventually(printed.address).ShouldNot(BeEmpty())
		open := func() int {
			GinkgoHelper()
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, printed.address(), http.NoBody)
			Expect(err).NotTo(HaveOccurred())
			answer, err := http.DefaultClient.Do(request)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Body.Close()).To(Succeed())
			return answer.StatusCode
		}
		Expect(open()).To(Equal(http.StatusOK))
		Expect(open()).To(Equal(http.StatusForbidden))
		stop()
		Eventually(ended).Should(Receive(Equal(cli.ExitOK)))
	})
})
