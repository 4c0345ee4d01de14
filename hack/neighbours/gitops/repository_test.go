package gitops

import (
	"context"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"rservice.dev/scim-operator/hack/testenv/assets"
)

// gitRepository is a user's: this repository's config, and beside it the user's copies of the samples.
type gitRepository struct {
	// url is where Git's own server answers.
	url    string
	folder string
	// first is the revision that it begins with.
	first string
}

// newRepository makes the repository, with what the samples tell to replace replaced, and serves it on loopback.
func newRepository(ctx context.Context) *gitRepository {
	GinkgoHelper()
	r := &gitRepository{folder: filepath.Join(GinkgoT().TempDir(), "scim")}
	root, err := assets.RepositoryRoot()
	Expect(err).NotTo(HaveOccurred())
	config := filepath.Join(root, "config")
	Expect(os.CopyFS(filepath.Join(r.folder, "config"), os.DirFS(config))).To(Succeed())
	Expect(os.CopyFS(filepath.Join(r.folder, "installation"), os.DirFS(filepath.Join(config, "samples", "installation")))).To(Succeed())
	Expect(os.CopyFS(filepath.Join(r.folder, tenant), os.DirFS(filepath.Join(config, "samples", "tenant")))).To(Succeed())
	// There is no cert-manager, no registry and no ingress controller here, so TLS is the pods' own and the image the node's.
	r.edit("installation/kustomization.yaml", "../../default", "../config/default", "../../tls/cert-manager", "../config/tls/pod",
		"scim.example.com", host, "registry.example.com/scim-operator", "rservice.dev/scim-operator")
	r.edit("acme/kustomization.yaml", "../../rules", "../config/rules", "../../rbac/tenant", "../config/rbac/tenant")
	r.edit("acme/scimendpoint.yaml", "scim.example.com", host)
	r.git(ctx, "init", "--quiet", "--initial-branch=main")
	r.first = r.commit(ctx)

	execPath := strings.TrimSpace(r.git(ctx, "--exec-path"))
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(execPath, "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Dir(r.folder), "GIT_HTTP_EXPORT_ALL=1"},
	})
	DeferCleanup(server.Close)
	r.url = server.URL + "/scim/.git"
	response, err := http.Get(r.url + "/HEAD")
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	Expect(response).To(HaveHTTPStatus(http.StatusOK))
	return r
}

// edit replaces texts in a file of the repository; each has to be there.
func (r *gitRepository) edit(file string, oldAndNew ...string) {
	GinkgoHelper()
	text := r.read(file)
	for i := 0; i < len(oldAndNew); i += 2 {
		Expect(text).To(ContainSubstring(oldAndNew[i]), file)
	}
	r.write(file, strings.NewReplacer(oldAndNew...).Replace(text))
}

func (r *gitRepository) read(file string) string {
	GinkgoHelper()
	data, err := os.ReadFile(filepath.Join(r.folder, filepath.FromSlash(file)))
	Expect(err).NotTo(HaveOccurred())
	return string(data)
}

func (r *gitRepository) write(file, text string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(r.folder, filepath.FromSlash(file)), []byte(text), 0o600)).To(Succeed())
}

// commit commits all that is there and returns the revision, as Flux writes it.
func (r *gitRepository) commit(ctx context.Context) string {
	GinkgoHelper()
	r.git(ctx, "add", "--all", "--force", ".")
	r.git(ctx, "-c", "user.name=Test", "-c", "user.email=test@example.test", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=Change")
	return "main@sha1:" + strings.TrimSpace(r.git(ctx, "rev-parse", "HEAD"))
}

func (r *gitRepository) git(ctx context.Context, arguments ...string) string {
	GinkgoHelper()
	output, err := exec.CommandContext(ctx, "git", append([]string{"-C", r.folder}, arguments...)...).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "git %s: %s", strings.Join(arguments, " "), output)
	return strings.TrimSpace(string(output))
}
