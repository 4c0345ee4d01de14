package config

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/console/login"
)

// kustomizations are what users apply, and combinations of the components. A test finds those that are missing here.
var kustomizations = map[string][]string{
	"default": nil, "crd": nil, "manager": nil, "rbac": nil, "roles": nil, "policy": nil, "ingress": nil, "webhook": nil,
	"rules": nil, "samples": nil, "samples/installation": nil, "samples/tenant": nil, "samples/shared": nil,
	"default with cert-manager":               {"tls/cert-manager"},
	"default with a Secret":                   {"tls/secret"},
	"default with a Secret and TLS to pods":   {"tls/secret", "tls/pod"},
	"default with the Gateway API":            {"ingress/httproute"},
	"default with everything that fits":       {"tls/cert-manager", "tls/pod", "prometheus"},
	"default with Gateway API and Prometheus": {"ingress/httproute", "prometheus"},
	"default with the Gateway API and TLS":    {"ingress/httproute", "tls/secret", "tls/pod"},
	"default with TLS and the Gateway API":    {"tls/secret", "tls/pod", "ingress/httproute"},
	"default for a shared cluster":            {"rbac/namespaces", "rbac/tenant"},
	"default with component renamed":          {"renamed"},
	"default with trusted issuers":            {"issuers"},
	"default with the console":                {"tls/secret", "console", "console/ingress", "tls/pod"},
	"default with the console before 1.36":    {"console", "console/legacy"},
}

// kustomization returns the folder of an entry. Components are combined in a copy of config, as a user's kustomization does.
func kustomization(name string) string {
	GinkgoHelper()
	components := kustomizations[name]
	if components == nil {
		return name
	}
	root := GinkgoT().TempDir()
	Expect(os.CopyFS(filepath.Join(root, "config"), os.DirFS("."))).To(Succeed())
	writeCertificate(filepath.Join(root, "config", "tls", "secret"))
	folder := filepath.Join(root, "mine")
	Expect(os.Mkdir(folder, 0o700)).To(Succeed())
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../config/default]\ncomponents:\n"
	for _, component := range components {
		text += "  - ../config/" + component + "\n"
	}
	Expect(os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600)).To(Succeed())
	return folder
}

func writeCertificate(folder string) {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"scim.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	private, err := x509.MarshalPKCS8PrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: certificate}, "tls.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		Expect(os.WriteFile(filepath.Join(folder, file), pem.EncodeToMemory(block), 0o600)).To(Succeed())
	}
}

// applyStrictly applies server-side and returns what the API server has then. A field that the schema does not know is an error.
func applyStrictly(ctx context.Context, object *unstructured.Unstructured, namespace string) *unstructured.Unstructured {
	GinkgoHelper()
	object = object.DeepCopy()
	namespaced, err := admin.IsObjectNamespaced(object)
	Expect(err).NotTo(HaveOccurred(), describe(object))
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	err = client.WithFieldValidation(admin, metav1.FieldValidationStrict).Apply(ctx,
		client.ApplyConfigurationFromUnstructured(object.DeepCopy()), client.FieldOwner("kubectl"), client.ForceOwnership)
	Expect(err).NotTo(HaveOccurred(), describe(object))
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(object), live)).To(Succeed())
	// The first repetition on a new object with a default status moves these two and nothing else.
	live.SetResourceVersion("")
	live.SetManagedFields(nil)
	return live
}

var _ = Describe("the manifests", func() {
	entries := []TableEntry{}
	for name := range kustomizations {
		entries = append(entries, Entry(name, name))
	}

	DescribeTable("are valid, and applying them again changes nothing", func(ctx SpecContext, name string) {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
		Expect(admin.Create(ctx, namespace)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, namespace)).To(Succeed()) })
		objects := build(ctx, kustomization(name))
		Expect(objects).NotTo(BeEmpty())
		for _, object := range objects {
			first := applyStrictly(ctx, object, namespace.Name)
			second := applyStrictly(ctx, object, namespace.Name)
			Expect(cmp.Diff(first.Object, second.Object)).To(BeEmpty(), describe(object))
		}
		DeferCleanup(func(ctx SpecContext) {
			// The next entry starts from the plain installation.
			output, err := run(ctx, "apply", "--server-side", "--force-conflicts", "--field-manager=kubectl", "-k", "default")
			Expect(err).NotTo(HaveOccurred(), output)
			var plain []string
			for _, object := range build(ctx, "default") {
				plain = append(plain, describe(object))
			}
			for _, object := range objects {
				if strings.HasPrefix(object.GetKind(), "ClusterRole") && !slices.Contains(plain, describe(object)) {
					Expect(client.IgnoreNotFound(admin.Delete(ctx, object))).To(Succeed())
				}
			}
		})
	}, entries)

	It("are all among those that are tested", func() {
		tested := []string{}
		for name, components := range kustomizations {
			tested = append(tested, append(components, name)...)
		}
		Expect(filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() == "kustomization.yaml" {
				Expect(tested).To(ContainElement(filepath.Dir(path)))
			}
			return err
		})).To(Succeed())
	})

	It("leave nothing to change after kubectl apply", func(ctx SpecContext) {
		output, err := run(ctx, "apply", "--server-side", "--force-conflicts", "-k", "default")
		Expect(err).NotTo(HaveOccurred(), output)
		output, err = run(ctx, "diff", "--server-side", "--force-conflicts", "-k", "default")
		Expect(err).NotTo(HaveOccurred(), output)
		output, err = run(ctx, "diff", "-k", "default")
		Expect(err).NotTo(HaveOccurred(), output)
	})

	It("have files in every folder that kustomize reads, and no others", func() {
		Expect(filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Base(path) != "kustomization.yaml" {
				return err
			}
			text, err := os.ReadFile(path)
			Expect(err).NotTo(HaveOccurred())
			files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.yaml"))
			Expect(err).NotTo(HaveOccurred())
			for _, file := range files {
				if name := filepath.Base(file); name != "kustomization.yaml" {
					Expect(string(text)).To(ContainSubstring(name), "%s does not name %s", path, name)
				}
			}
			return nil
		})).To(Succeed())
	})

	It("run as any cluster lets them: restricted pods, also with TLS in the pod", func(ctx SpecContext) {
		for _, name := range []string{"default", "default with a Secret and TLS to pods"} {
			deployment := find[appsv1.Deployment](build(ctx, kustomization(name)), "Deployment")
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Namespace: deployment.Namespace, Labels: deployment.Spec.Template.Labels},
				Spec:       deployment.Spec.Template.Spec,
			}
			Expect(admin.Create(ctx, pod, client.DryRunAll)).To(Succeed())
			pod.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = new(true)
			Expect(admin.Create(ctx, pod, client.DryRunAll)).To(MatchError(ContainSubstring("violates PodSecurity")))
		}
	})

	It("give Go less memory than the container has, and a replica time to end its requests", func(ctx SpecContext) {
		deployment := find[appsv1.Deployment](build(ctx, "default"), "Deployment")
		spec := deployment.Spec.Template.Spec
		container := spec.Containers[0]
		index := slices.IndexFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == "GOMEMLIMIT" })
		limit := container.Resources.Limits.Memory().Value()
		mebibytes := fmt.Sprint(limit / (1 << 20))
		goLimit := resource.MustParse(strings.ReplaceAll(container.Env[index].Value, "$(MEMORY_LIMIT_MIB)", mebibytes))
		Expect(goLimit.Value()).To(And(BeNumerically("<", limit), BeNumerically(">", limit*9/10)))
		// scimserver.DefaultShutdownTimeout and the controllers' reserve, in main.go.
		const stop = 58 + 5
		Expect(*spec.TerminationGracePeriodSeconds).To(BeNumerically(">", container.Lifecycle.PreStop.Sleep.Seconds+stop))
	})

	It("send the Ingress to the pods' SCIM port, however TLS is done", func(ctx SpecContext) {
		for name, port := range map[string]string{"default": "http", "default with a Secret and TLS to pods": "https"} {
			objects := build(ctx, kustomization(name))
			backend := find[networkingv1.Ingress](objects, "Ingress").Spec.Rules[0].HTTP.Paths[0].Backend.Service
			service := find[corev1.Service](objects, "Service", backend.Name)
			Expect(backend.Port.Name).To(Equal(port))
			Expect(service.Spec.Ports).To(HaveLen(1))
			Expect(service.Spec.Ports[0].Name).To(Equal(port))
			container := find[appsv1.Deployment](objects, "Deployment").Spec.Template.Spec.Containers[0]
			names := []string{}
			for _, p := range container.Ports {
				names = append(names, p.Name)
			}
			Expect(names).To(ContainElement(service.Spec.Ports[0].TargetPort.String()))
		}
	})

	It("lead the HTTPRoute to a port of the Service, however TLS is done and in whichever order components are listed", func(ctx SpecContext) {
		for name, port := range map[string]int64{
			"default with the Gateway API": 80, "default with the Gateway API and TLS": 443, "default with TLS and the Gateway API": 443,
		} {
			objects := build(ctx, kustomization(name))
			service := find[corev1.Service](objects, "Service", "scim-operator")
			Expect(service.Spec.Ports).To(ConsistOf(HaveField("Port", int32(port))), name)
			index := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "HTTPRoute" })
			Expect(index).To(BeNumerically(">=", 0), name)
			rules, _, err := unstructured.NestedSlice(objects[index].Object, "spec", "rules")
			Expect(err).NotTo(HaveOccurred())
			Expect(rules).To(ConsistOf(HaveKeyWithValue("backendRefs", ConsistOf(HaveKeyWithValue("port", BeNumerically("==", port))))), name)
		}
	})

	It("serve the console beside what other components add, by a configuration that is read", func(ctx SpecContext) {
		folder := kustomization("default with the console")
		file, err := os.OpenFile(filepath.Join(folder, "kustomization.yaml"), os.O_APPEND|os.O_WRONLY, 0)
		Expect(err).NotTo(HaveOccurred())
		_, err = file.WriteString("configMapGenerator: [{name: scim-operator-console-config, namespace: scim-system, files: [console.yaml]}]\n")
		Expect(errors.Join(err, file.Close())).To(Succeed())
		content, err := os.ReadFile("console/console.yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(folder, "console.yaml"), content, 0o600)).To(Succeed())
		objects := build(ctx, folder)
		spec := find[appsv1.Deployment](objects, "Deployment").Spec.Template.Spec
		container := spec.Containers[0]
		Expect(container.Args).To(ContainElements("--scim-tls-cert-dir=/etc/scim-operator/tls", "--console-bind-address=:8084", "--webhook-bind-address=:9443"))
		configuration := find[corev1.ConfigMap](objects, "ConfigMap")
		Expect(spec.Volumes).To(ContainElements(HaveField("Name", "tls"), HaveField("VolumeSource.ConfigMap.Name", configuration.Name)))
		read, err := login.ParseConfiguration([]byte(configuration.Data["console.yaml"]))
		Expect(err).NotTo(HaveOccurred())
		mounted := []string{}
		for _, mount := range container.VolumeMounts {
			mounted = append(mounted, mount.MountPath)
		}
		Expect(mounted).To(ContainElement(filepath.Dir(read.ClientSecretFile)))
		Expect(container.Args).To(ContainElement("--console-config=/etc/scim-console/console.yaml"))
		service := find[corev1.Service](objects, "Service", "scim-operator-console")
		Expect(container.Ports).To(ContainElement(HaveField("Name", service.Spec.Ports[0].TargetPort.String())))
		backend := find[networkingv1.Ingress](objects, "Ingress", "scim-operator-console").Spec.Rules[0].HTTP.Paths[0].Backend.Service
		Expect(backend.Name).To(Equal(service.Name))
		Expect(backend.Port.Name).To(Equal(service.Spec.Ports[0].Name))
		// Kustomize renames in resourceNames what a generator made, whatever kind the rule is for.
		Expect(find[rbacv1.Role](objects, "Role", "scim-operator-console").Rules).To(ContainElement(HaveField("ResourceNames", ConsistOf(login.DefaultSecret))))
	})

	It("have policies without mistakes in types", func(ctx SpecContext) {
		for _, name := range []string{"scim-resources", "scim-persons", "scim-rules", "scim-metadata", "scim-operator-secrets", "scim-operator-leases", "scim-assertions", "scim-storage-format"} {
			policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
			Eventually(ctx, func(g Gomega) {
				g.Expect(admin.Get(ctx, client.ObjectKey{Name: name}, policy)).To(Succeed())
				g.Expect(policy.Status.TypeChecking).NotTo(BeNil())
				g.Expect(policy.Status.ObservedGeneration).To(Equal(policy.Generation))
			}).Should(Succeed())
			Expect(policy.Status.TypeChecking.ExpressionWarnings).To(BeEmpty())
		}
	})
})

// find returns the one object of a kind, and of a name if that is given.
func find[T any](objects []*unstructured.Unstructured, kind string, name ...string) T {
	GinkgoHelper()
	var found []T
	for _, object := range objects {
		if object.GetKind() == kind && (len(name) == 0 || object.GetName() == name[0]) {
			var typed T
			Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &typed, true)).To(Succeed())
			found = append(found, typed)
		}
	}
	Expect(found).To(HaveLen(1))
	return found[0]
}
