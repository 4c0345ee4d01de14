package e2e

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/hack/testenv"
)

// attempt runs the operator until it ends by itself, and returns its exit status and
// what it printed.
func attempt(ctx context.Context, kubeconfig string, arguments ...string) (int, string) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, filepath.Join(binaries, "manager"), arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	output, err := command.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(output)
	}
	Expect(err).NotTo(HaveOccurred())
	return 0, string(output)
}

func status(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

var _ = Describe("the operator's process", func() {
	It("is ready with leader election, serves probes and metrics, and stops cleanly", func(ctx SpecContext) {
		t := newTenant(ctx)
		probes, metrics := testenv.FreeAddress(ctx, GinkgoT()), testenv.FreeAddress(ctx, GinkgoT())
		process := t.start(ctx, "--leader-elect=true", "--leader-election-namespace="+t.namespace,
			"--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics)
		for _, url := range []string{probes + "/healthz", probes + "/readyz", metrics + "/metrics"} {
			Eventually(func() (int, error) { return status(ctx, "http://"+url) }).Should(Equal(http.StatusOK), url)
		}
		Expect(process.stop(syscall.SIGTERM)).To(Succeed())
	})

	DescribeTable("names the address and the flag when an address is taken", func(ctx SpecContext, flag string) {
		t := newTenant(ctx)
		taken, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer taken.Close()
		code, output := attempt(ctx, t.kubeconfig, "--namespaces="+t.namespace, "--leader-elect=false", "--scim-bind-address=127.0.0.1:0",
			"--metrics-bind-address=0", "--health-probe-bind-address=0", flag+"="+taken.Addr().String())
		Expect(code).To(Equal(1))
		Expect(output).To(And(ContainSubstring(taken.Addr().String()), ContainSubstring("choose another address with "+flag)))
	},
		Entry("SCIM", "--scim-bind-address"), Entry("metrics", "--metrics-bind-address"), Entry("probes", "--health-probe-bind-address"))

	It("explains a wrong flag, a missing cluster and its version", func(ctx SpecContext) {
		code, output := attempt(ctx, "", "--log-level=loud")
		Expect(code).To(Equal(2))
		Expect(output).To(ContainSubstring(`--log-level "loud" is neither info nor debug`))
		code, output = attempt(ctx, "", "--log-format=xml")
		Expect(code).To(Equal(2))
		Expect(output).To(ContainSubstring(`--log-format "xml" is neither json nor text`))
		code, output = attempt(ctx, filepath.Join(binaries, "missing"), "--log-format=text")
		Expect(code).To(Equal(1))
		Expect(output).To(And(ContainSubstring("level=ERROR"), ContainSubstring("set --kubeconfig or KUBECONFIG")))
		code, output = attempt(ctx, "", "--version")
		Expect(code).To(BeZero())
		Expect(output).To(ContainSubstring("go1."))
	})
})
