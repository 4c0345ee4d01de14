package admission_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/testenv/assets"
)

// kubectl runs the real one in the namespace. It gives what kubectl prints.
func (w *world) kubectl(ctx context.Context, arguments ...string) (string, error) {
	GinkgoHelper()
	binaries, err := assets.Ensure(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	arguments = append([]string{"--kubeconfig", env.Kubeconfig, "--namespace", w.namespace}, arguments...)
	output, err := exec.CommandContext(ctx, filepath.Join(binaries, "kubectl"), arguments...).CombinedOutput()
	return string(output), err
}

// manifest is a rule as a file in Git has it.
func manifest(rule *v1alpha1.AutomationRule) *unstructured.Unstructured {
	GinkgoHelper()
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&rule.Spec)
	Expect(err).NotTo(HaveOccurred())
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "AutomationRule",
		"metadata": map[string]any{"name": rule.Name, "namespace": rule.Namespace},
		"spec":     spec,
	}}
}

func fileOf(rule *v1alpha1.AutomationRule) string {
	GinkgoHelper()
	text, err := yaml.Marshal(manifest(rule))
	Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(GinkgoT().TempDir(), "rule.yaml")
	Expect(os.WriteFile(path, text, 0o600)).To(Succeed())
	return path
}

// asFlux applies an object of a folder as kustomize-controller 1.9.6 does (package ssa
// 0.76.2): a dry run first, and with "force: true" an error that it takes for a field that
// cannot be changed makes it delete the object.
func (w *world) asFlux(ctx context.Context, object client.Object, force bool) error {
	apply := func(options ...client.ApplyOption) error {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object.DeepCopyObject())
		Expect(err).NotTo(HaveOccurred())
		return w.Apply(ctx, client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content}),
			append(options, client.FieldOwner("kustomize-controller"), client.ForceOwnership)...)
	}
	err := apply(client.DryRunAll)
	if err != nil && force && fluxDeletes(err) {
		Expect(w.Delete(ctx, object, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
		err = apply(client.DryRunAll)
	}
	if err != nil {
		return err
	}
	return apply()
}

// fluxDeletes is what package ssa takes for a field that cannot be changed.
func fluxDeletes(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsInvalid(err) ||
		regexp.MustCompile(`is\simmutable|immutable\sfield`).MatchString(err.Error())
}

var _ = Describe("an update of a rule that is refused", func() {
	var w *world
	var live *v1alpha1.AutomationRule
	BeforeEach(func(ctx SpecContext) {
		w = newWorld(ctx)
		w.start(ctx, w.options())
		w.served(ctx)
		live = ruleFrom()
		_, err := w.kubectl(ctx, "apply", "-f", fileOf(live))
		Expect(err).NotTo(HaveOccurred())
		Expect(w.Get(ctx, client.ObjectKeyFromObject(live), live)).To(Succeed())
	})
	// untouched checks that the rule is the same object with the same spec.
	untouched := func(ctx SpecContext) {
		GinkgoHelper()
		now := &v1alpha1.AutomationRule{}
		Expect(w.Get(ctx, client.ObjectKeyFromObject(live), now)).To(Succeed())
		Expect(now.UID).To(Equal(live.UID), "the rule was deleted and made anew")
		Expect(now.Generation).To(Equal(live.Generation))
	}

	It("does not make kubectl delete it, and says what is wrong where", func(ctx SpecContext) {
		broken := fileOf(ruleFrom("user.title +", "user.titel +", "user.userType", "user.usertype"))
		for _, arguments := range [][]string{
			{"apply"}, {"apply", "--force"}, {"apply", "--server-side", "--force-conflicts"}, {"replace"},
		} {
			By(strings.Join(arguments, " "))
			output, err := w.kubectl(ctx, append(arguments, "-f", broken)...)
			Expect(err).To(HaveOccurred(), output)
			Expect(output).To(HavePrefix("Error from server (Forbidden): "))
			Expect(output).To(HaveSuffix(`: admission webhook "automationrules.provisioning.rservice.dev" denied the request: the AutomationRule stays as it is:
  spec.condition: Invalid value: "user.usertype == \"Contractor\" && isEmail(user.userName)": condition, line 1, column 5: undefined field 'usertype'; did you mean user.userType?
  spec.update.set[0].value: Invalid value: "?user.title == \"\" ? \"\" : user.titel + \" (contractor)\"": set[0] jobTitle, line 1, column 30: undefined field 'titel'; did you mean user.title?
`))
			untouched(ctx)
		}

		By("telling clients the fields")
		patch := live.DeepCopy()
		patch.Spec.Condition = "user.usertype"
		err := w.Patch(ctx, patch, client.MergeFrom(live))
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		Expect(causes(err)).To(HaveExactElements(HavePrefix("spec.condition: Invalid value: ")))
	})

	It("does not make Flux delete it", func(ctx SpecContext) {
		rule := ruleFrom("user.title +", "user.titel +")
		rule.Namespace = w.namespace
		Expect(w.asFlux(ctx, manifest(rule), true)).To(MatchError(apierrors.IsForbidden, "IsForbidden"))
		untouched(ctx)

		By("quoting a text that Flux looks for in errors of any code")
		rule.Spec.Condition = `user.titel == "is immutable"`
		Expect(w.asFlux(ctx, manifest(rule), true)).To(MatchError(ContainSubstring("line 1, column 5: undefined field 'titel'")))
		untouched(ctx)

		By("refusing an example that does not come true")
		rule = ruleFrom()
		rule.Namespace = w.namespace
		rule.Spec.Examples = []v1alpha1.RuleExample{{
			Name:     "An immutable field",
			Input:    &v1alpha1.JSON{Raw: []byte(`{"user": {"userName": "a@example.com", "userType": "Employee"}}`)},
			Expected: v1alpha1.RuleExpectation{Outcome: v1alpha1.ReasonApplied},
		}}
		Expect(w.asFlux(ctx, manifest(rule), true)).To(MatchError(ContainSubstring("spec.examples[0]")))
		untouched(ctx)
	})

	It("is still Invalid where there is no rule yet", func(ctx SpecContext) {
		output, err := w.kubectl(ctx, "apply", "-f", fileOf(ruleFrom("name: contractors", "name: another", "user.title +", "user.titel +")))
		Expect(err).To(HaveOccurred())
		Expect(output).To(Equal(`The AutomationRule "another" is invalid: spec.update.set[0].value: Invalid value: ` +
			`"?user.title == \"\" ? \"\" : user.titel + \" (contractor)\"": set[0] jobTitle, line 1, column 30: undefined field 'titel'; did you mean user.title?` + "\n"))
	})
})

// calls counts the connections that the API server makes to a webhook that never answers.
func (w *world) calls(ctx context.Context) *atomic.Int64 {
	GinkgoHelper()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", w.address)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	count := &atomic.Int64{}
	go func() {
		for {
			connection, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			count.Add(1)
			if err == nil {
				_ = connection.Close()
			}
		}
	}()
	return count
}

var _ = Describe("a folder in Git while no replica runs", func() {
	It("applies where its rules are as they were, without a call of the webhook", func(ctx SpecContext) {
		w := newWorld(ctx)
		stop := w.start(ctx, w.options())
		w.served(ctx)
		rule := ruleFrom()
		rule.Namespace = w.namespace
		Expect(w.asFlux(ctx, manifest(rule), false)).To(Succeed())
		w.cached(ctx, rule.Name)
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		Expect(w.Get(ctx, client.ObjectKey{Name: w.namespace}, configuration)).To(Succeed())
		Expect(configuration.Webhooks[0].MatchConditions).To(HaveLen(1), "what writes the CA bundle has dropped the conditions")
		stop()
		calls := w.calls(ctx)

		repair := &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: "repair", Namespace: w.namespace},
		}
		Expect(w.asFlux(ctx, manifest(rule), false)).To(Succeed())
		Expect(w.asFlux(ctx, repair, false)).To(Succeed())
		_, err := w.kubectl(ctx, "apply", "--server-side", "--force-conflicts", "-f", fileOf(rule))
		Expect(err).NotTo(HaveOccurred())
		for _, arguments := range [][]string{
			{"annotate", "automationrule", rule.Name, v1alpha1.AnnotationRerun + "=1"},
			{"label", "automationrule", rule.Name, "a=label"},
			{"patch", "automationrule", rule.Name, "--subresource=status", "--type=merge", "-p", `{"status":{"lastRerun":"1"}}`},
		} {
			output, err := w.kubectl(ctx, arguments...)
			Expect(err).NotTo(HaveOccurred(), output)
		}
		Expect(calls.Load()).To(BeZero())

		By("asking about a changed spec and a new rule")
		rule.Spec.Description = "Something else."
		Expect(w.asFlux(ctx, manifest(rule), false)).To(MatchError(ContainSubstring("failed calling webhook")))
		Expect(calls.Load()).To(BeNumerically(">", 0))
		asked := calls.Load()
		rule.Name = "another"
		Expect(w.asFlux(ctx, manifest(rule), false)).To(MatchError(ContainSubstring("failed calling webhook")))
		Expect(calls.Load()).To(BeNumerically(">", asked))
	})

	It("applies with the largest rule that there can be", func(ctx SpecContext) {
		w := newWorld(ctx)
		configuration := w.unconfigure(ctx)
		rule := ruleFrom()
		rule.Namespace = w.namespace
		rule.Spec.Disabled = true
		for i := range 64 {
			rule.Spec.Expressions = append(rule.Spec.Expressions, v1alpha1.NamedExpression{
				Name: "e" + strconv.Itoa(i), Value: strings.Repeat(`"x" + `, 1700) + `"x"`,
			})
			rule.Spec.Update.Set = append(rule.Spec.Update.Set, v1alpha1.FieldAssignment{
				Field: "customFields.f" + strconv.Itoa(i), Value: strings.Repeat(`"y" + `, 600) + `"y"`,
			})
		}
		rule.Spec.Update.Set = rule.Spec.Update.Set[:64]
		Expect(w.asFlux(ctx, manifest(rule), false)).To(Succeed())
		configuration.ResourceVersion = ""
		w.createForTest(ctx, configuration)
		Eventually(func() error { return w.Create(ctx, ruleFrom("name: contractors", "name: another"), client.DryRunAll) }).
			Should(MatchError(ContainSubstring("failed calling webhook")))
		output, err := w.kubectl(ctx, "label", "automationrule", rule.Name, "a=label")
		Expect(err).NotTo(HaveOccurred(), output)
	})
})
