package helm

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/world"
)

const (
	host = "scim.example.test"
	acme = "acme"
	// image is the repository of the operator's, previous the tag of the same program with another version in it.
	image, previous = "rservice.dev/scim-operator", "0.0.1"
	// column is one of ScimEndpoints that the definition of the previous version lacks.
	column = "Last Refusal"
	// foreign is Helm's word for an object that another release, or nobody, has made.
	foreign = "invalid ownership metadata"
)

// values are a user's: TLS up to the pod, so that clients need no ingress.
const values = `host: ` + host + `
tls: {pod: true}
ingress: {enabled: false}
`

var _ = Describe("A release", Ordered, ContinueOnFailure, func() {
	var (
		// desk is the user's folder, with their values, the certificate and what they have of the release.
		desk        string
		certificate world.Certificate
		tenant      *world.Tenant
		user        types.UID
		userPath    string
	)
	mine := func() []string { return []string{"--values", filepath.Join(desk, "values.yaml")} }
	fromRegistry := func(command string, more ...string) []string {
		arguments := []string{command, "scim-operator", charts, "--version", version(), "--plain-http", "--wait", "--timeout", "5m"}
		return append(append(arguments, mine()...), more...)
	}

	BeforeAll(func(ctx SpecContext) {
		desk = GinkgoT().TempDir()
		certificate = world.NewCertificate(host)
		rules, err := os.ReadFile(filepath.Join(published, "rules.yaml"))
		Expect(err).NotTo(HaveOccurred())
		for file, text := range map[string][]byte{
			"values.yaml": []byte(values), "rules.yaml": rules, "tls.crt": certificate.Cert, "tls.key": certificate.Key,
		} {
			Expect(os.WriteFile(filepath.Join(desk, file), text, 0o600)).To(Succeed())
		}
		program, err := cluster.Node.Compile(ctx, "manager", image, "-X rservice.dev/scim-operator/api/kube.release=v"+previous)
		Expect(err).NotTo(HaveOccurred())
		Expect(cluster.Node.LoadProgram(ctx, image+":"+previous, program)).To(Succeed())
	}, NodeTimeout(10*time.Minute))

	It("of before is installed, and a tenant made, by the commands that Helm prints", func(ctx SpecContext) {
		printed := helm(ctx, append([]string{"install", "scim-operator", previousChart(), "--create-namespace"}, mine()...)...)
		blocks := commands(printed)
		Expect(blocks).To(HaveLen(3), printed) // certificate, waiting and asking, tenant
		Expect(shell(ctx, desk, blocks[0])).To(Succeed())
		Expect(blocks[1]).To(ContainSubstring("helm -n scim-system test scim-operator"))
		Expect(shell(ctx, desk, blocks[1])).To(Succeed())
		first, rest, _ := strings.Cut(blocks[2], "\n")
		Expect(shell(ctx, desk, first)).To(Succeed())
		// A moment passes until the API server knows the operator's certificate.
		Eventually(func() error { return shell(ctx, desk, rest) }).Should(Succeed())
		runs(ctx, image+":"+previous)
		Expect(columns(ctx)).NotTo(ContainElement(column))
		tenant = cluster.NewTenant(ctx, acme, way(ctx, certificate))
		cluster.Whole(ctx, tenant)
		created := tenant.Expect(ctx, http.StatusCreated, http.MethodPost, "/Users", world.NewUser("somebody@probe.example"))
		userPath, user = "/Users/"+created.ID(), uidOf(ctx, created.ID())
	}, NodeTimeout(15*time.Minute))

	It("is upgraded to from a registry, with its definitions, and answers", func(ctx SpecContext) {
		helm(ctx, fromRegistry("upgrade")...)
		runs(ctx, released())
		Expect(columns(ctx)).To(ContainElement(column))
		tenant.Expect(ctx, http.StatusOK, http.MethodGet, userPath, "")
		cluster.Whole(ctx, tenant)
		Expect(helm(ctx, "test", "scim-operator")).To(MatchRegexp(`Phase:\s+Succeeded`))
	}, NodeTimeout(10*time.Minute))

	It("takes values that have changed, and takes them back", func(ctx SpecContext) {
		ingress := &networkingv1.Ingress{}
		key := client.ObjectKey{Namespace: world.System, Name: world.Name}
		helm(ctx, fromRegistry("upgrade", "--set", "ingress.enabled=true", "--set-json", `extraArgs=["--log-level=debug"]`)...)
		Expect(cluster.Client.Get(ctx, key, ingress)).To(Succeed())
		Expect(ingress.Spec.Rules[0].Host).To(Equal(host))
		Expect(deployment(ctx).Spec.Template.Spec.Containers[0].Args).To(ContainElement("--log-level=debug"))
		cluster.Whole(ctx, tenant)
		helm(ctx, fromRegistry("upgrade")...)
		Expect(apierrors.IsNotFound(cluster.Client.Get(ctx, key, ingress))).To(BeTrue())
		Expect(deployment(ctx).Spec.Template.Spec.Containers[0].Args).NotTo(ContainElement("--log-level=debug"))
	}, NodeTimeout(10*time.Minute))

	It("is not upgraded over what somebody has changed by hand, unless Helm is told to", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "--namespace", world.System, "scale", "deployment/"+world.Name, "--replicas=1")
		_, err := tryHelm(ctx, fromRegistry("upgrade")...)
		Expect(err).To(MatchError(And(ContainSubstring("conflict with"), ContainSubstring(".spec.replicas"))))
		helm(ctx, fromRegistry("upgrade", "--force-conflicts")...)
		cluster.Whole(ctx, tenant)
		helm(ctx, fromRegistry("upgrade")...)
	}, NodeTimeout(10*time.Minute))

	It("is the only one in a cluster", func(ctx SpecContext) {
		_, err := tryHelm(ctx, "install", "second", packaged(), "--namespace", "elsewhere", "--create-namespace")
		Expect(err).To(MatchError(And(ContainSubstring(foreign), ContainSubstring(`must equal "second": current value is "scim-operator"`))))
		cluster.Whole(ctx, tenant)
	})

	It("is rolled back, and forth", func(ctx SpecContext) {
		helm(ctx, "rollback", "scim-operator", "1", "--wait", "--timeout", "5m")
		runs(ctx, image+":"+previous)
		Expect(columns(ctx)).NotTo(ContainElement(column))
		cluster.Whole(ctx, tenant)
		helm(ctx, "rollback", "scim-operator", "2", "--wait", "--timeout", "5m")
		runs(ctx, released())
		Expect(columns(ctx)).To(ContainElement(column))
		cluster.Whole(ctx, tenant)
	}, NodeTimeout(10*time.Minute))

	It("is uninstalled, keeps what users have, and goes on with it when it is installed again", func(ctx SpecContext) {
		helm(ctx, "uninstall", "scim-operator")
		Eventually(func(g Gomega) { g.Expect(cluster.Pods(ctx, g)).To(BeEmpty()) }).Should(Succeed())
		Expect(uidOf(ctx, strings.TrimPrefix(userPath, "/Users/"))).To(Equal(user))
		AddReportEntry("ClusterRoles that are there again", cluster.Kubectl(ctx, "get", "clusterroles", "--output=name", "--selector=!kubernetes.io/bootstrapping"))
		helm(ctx, fromRegistry("install", "--take-ownership")...)
		runs(ctx, released())
		again := cluster.NewTenant(ctx, acme, way(ctx, certificate))
		Expect(again.Token).To(Equal(tenant.Token))
		tenant = again
		tenant.Expect(ctx, http.StatusOK, http.MethodGet, userPath, "")
		cluster.Whole(ctx, tenant)
	}, NodeTimeout(10*time.Minute))

	It("takes the definitions with it, if it is told to, once tenants are gone", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "delete", "namespace", acme, "--timeout=3m")
		helm(ctx, fromRegistry("upgrade", "--set", "crds.keep=false")...)
		helm(ctx, "uninstall", "scim-operator")
		Eventually(func() []apiextensionsv1.CustomResourceDefinition { return definitions(ctx) }).Should(BeEmpty())
	}, NodeTimeout(10*time.Minute))
})

// previousChart is the chart as an older version might have had it: another image, and a definition with a column less.
func previousChart() string {
	GinkgoHelper()
	folder := filepath.Join(GinkgoT().TempDir(), "scim-operator")
	Expect(os.CopyFS(folder, os.DirFS(filepath.Join(cluster.Root, "config", "helm")))).To(Succeed())
	for file, edit := range map[string][2]string{
		"Chart.yaml": {"\nversion: 0.1.0\nappVersion: 0.1.0\n", "\nversion: " + previous + "\nappVersion: " + previous + "\n"},
		"templates/customresourcedefinition.yaml": {
			"        - jsonPath: .status.refusals[0].reason\n          name: " + column + "\n          type: string\n", "",
		},
	} {
		path := filepath.Join(folder, filepath.FromSlash(file))
		text, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Count(string(text), edit[0])).To(Equal(1), "%s: %s", file, edit[0])
		Expect(os.WriteFile(path, []byte(strings.Replace(string(text), edit[0], edit[1], 1)), 0o600)).To(Succeed())
	}
	return folder
}

// commands are the blocks of them in what Helm prints, with the blanks in front that who copies them has, too.
func commands(printed string) []string {
	GinkgoHelper()
	_, notes, found := strings.Cut(printed, "\nNOTES:\n")
	Expect(found).To(BeTrue(), printed)
	var blocks []string
	inBlock := false
	for line := range strings.Lines(notes) {
		switch {
		case !strings.HasPrefix(line, "    "):
			inBlock = false
		case inBlock:
			blocks[len(blocks)-1] += line
		default:
			blocks, inBlock = append(blocks, line), true
		}
	}
	return blocks
}

func way(ctx context.Context, certificate world.Certificate) world.Way {
	GinkgoHelper()
	return world.Way{BaseURL: "https://" + host + "/scim/v2", Address: cluster.Address(ctx, world.System, world.Name), CAFile: certificate.CAFile}
}

func deployment(ctx context.Context) *appsv1.Deployment {
	GinkgoHelper()
	found := &appsv1.Deployment{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: world.System, Name: world.Name}, found)).To(Succeed())
	return found
}

// runs checks that the operator has been rolled out with an image.
func runs(ctx context.Context, image string) {
	GinkgoHelper()
	Expect(deployment(ctx).Spec.Template.Spec.Containers[0].Image).To(Equal(image))
	cluster.RolledOut(ctx)
}

// definitions are those of our kinds.
func definitions(ctx context.Context) []apiextensionsv1.CustomResourceDefinition {
	GinkgoHelper()
	list := &apiextensionsv1.CustomResourceDefinitionList{}
	Expect(cluster.Client.List(ctx, list)).To(Succeed())
	var found []apiextensionsv1.CustomResourceDefinition
	for _, definition := range list.Items {
		if definition.Spec.Group == v1alpha1.GroupVersion.Group {
			found = append(found, definition)
		}
	}
	return found
}

// columns are those in which ScimEndpoints are listed.
func columns(ctx context.Context) []string {
	GinkgoHelper()
	var names []string
	for _, definition := range definitions(ctx) {
		if definition.Spec.Names.Kind == "ScimEndpoint" {
			for _, c := range definition.Spec.Versions[0].AdditionalPrinterColumns {
				names = append(names, c.Name)
			}
		}
	}
	Expect(names).NotTo(BeEmpty())
	return names
}

// uidOf is the one of a ScimUser, which no other object ever has.
func uidOf(ctx context.Context, name string) types.UID {
	GinkgoHelper()
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ScimUser"))
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: acme, Name: name}, object)).To(Succeed())
	return object.UID
}
