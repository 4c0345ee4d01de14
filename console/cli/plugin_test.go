package cli_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

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

var _ = Describe("the plugin", func() {
	It("is what kubectl calls", func(ctx SpecContext) {
		t := newTenant(ctx)
		user := newUser("anna@example.com", "Anna Smith")
		Expect(t.Create(ctx, user)).To(Succeed())
		binaries, err := assets.Ensure(ctx, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		prefix := GinkgoT().TempDir()
		output, err := exec.CommandContext(ctx, "make", "-C", "../..", "install-plugin", "PREFIX="+prefix).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
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
	cmd.Env = append(os.Environ(), "PATH="+plugins+":"+os.Getenv("PATH"), "HOME="+GinkgoT().TempDir())
	output, err := cmd.CombinedOutput()
	if err != nil {
		Expect(err).To(BeAssignableToTypeOf(&exec.ExitError{}))
	}
	t.expectNoSecrets(ctx, string(output))
	return strings.TrimPrefix(string(output), "\n"), cmd.ProcessState.ExitCode()
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
