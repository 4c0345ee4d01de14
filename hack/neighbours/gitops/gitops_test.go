package gitops

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/tokens"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/hack/e2e/world"
)

// badge is a rule that somebody adds to the tenant's folder.
const badge = `apiVersion: provisioning.rservice.dev/v1alpha1
kind: AutomationRule
metadata:
  name: badge
spec:
  subject: ScimUser
  position: 20
  condition: user.title != ""
  update:
    kind: Person
    match: {primaryEmail: user.userName}
    set:
      - {field: costCenter, value: user.title}
`

// addRule puts a rule into the tenant's folder, and takes says that it is there.
func addRule(text string, annotations ...string) {
	GinkgoHelper()
	if len(annotations) > 0 {
		text = strings.Replace(text, "  name: badge\n", "  name: badge\n  annotations:\n    "+strings.Join(annotations, "\n    ")+"\n", 1)
	}
	repository.write("acme/badge.yaml", text)
	if !strings.Contains(repository.read("acme/kustomization.yaml"), "badge.yaml") {
		repository.edit("acme/kustomization.yaml", "  - organizations.yaml\n", "  - organizations.yaml\n  - badge.yaml\n")
	}
}

func removeRule() {
	GinkgoHelper()
	repository.edit("acme/kustomization.yaml", "  - badge.yaml\n", "")
}

func rule(ctx context.Context, name string) (*v1alpha1.AutomationRule, error) {
	found := &v1alpha1.AutomationRule{}
	return found, cluster.Client.Get(ctx, client.ObjectKey{Namespace: tenant, Name: name}, found)
}

func liveRule(ctx context.Context, name string) *v1alpha1.AutomationRule {
	GinkgoHelper()
	found, err := rule(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	return found
}

var _ = Describe("Flux", Ordered, ContinueOnFailure, func() {
	It("installs the operator, and then the tenant that depends on it", func(ctx SpecContext) {
		flux.takes(ctx, operatorFolder, repository.first)
		flux.takes(ctx, tenantFolder, repository.first)
		endpoint := &v1alpha1.ScimEndpoint{}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "okta"}, endpoint)).To(Succeed())
		Expect(meta.IsStatusConditionTrue(endpoint.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
	})

	It("costs nothing in an interval in which nothing has changed", func(ctx SpecContext) {
		Expect(webhookCalls(ctx)).To(BeNumerically(">", 0), "nobody was asked about the new rules")
		Eventually(func(g Gomega) { // what the operator counts in statuses may follow
			asked, operator, acme := webhookCalls(ctx), flux.versions(ctx, operatorFolder), flux.versions(ctx, tenantFolder)
			g.Expect(len(operator)).To(BeNumerically(">", 20))
			g.Expect(len(acme)).To(BeNumerically(">", 5))
			for range 3 {
				flux.now(ctx, "gitrepository", "scim")
				for _, folder := range []string{operatorFolder, tenantFolder} {
					flux.now(ctx, "kustomization", folder)
					flux.ready(ctx, folder)
				}
			}
			g.Expect(flux.versions(ctx, operatorFolder)).To(Equal(operator))
			g.Expect(flux.versions(ctx, tenantFolder)).To(Equal(acme))
			g.Expect(webhookCalls(ctx)).To(Equal(asked))
		}).Should(Succeed())
	})

	It("undoes what somebody changes by hand", func(ctx SpecContext) {
		const name = "default-user-mapping"
		before := liveRule(ctx, name)
		cluster.Kubectl(ctx, "--namespace", tenant, "patch", "automationrule", name, "--type=merge", "--patch", `{"spec":{"condition":"false"}}`)
		cluster.Kubectl(ctx, "--namespace", tenant, "delete", "automationrule", "default-site-mapping")
		flux.now(ctx, "kustomization", tenantFolder)
		Expect(liveRule(ctx, name).Spec).To(Equal(before.Spec))
		liveRule(ctx, "default-site-mapping")
		flux.ready(ctx, tenantFolder)
	})

	It("takes back a tokenGeneration that is not in Git, and the token that was made for it stays", func(ctx SpecContext) {
		endpoint := &v1alpha1.ScimEndpoint{}
		read := func(g Gomega) {
			g.Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "okta"}, endpoint)).To(Succeed())
		}
		cluster.Kubectl(ctx, "--namespace", tenant, "patch", "scimendpoint", "okta", "--type=merge", "--patch", `{"spec":{"tokenGeneration":1}}`)
		Eventually(func(g Gomega) {
			read(g)
			g.Expect(endpoint.Status.TokenGeneration).To(Equal(int64(1)))
			g.Expect(endpoint.Status.Tokens).To(HaveLen(2))
		}).Should(Succeed())
		made := endpoint.Status.Tokens
		flux.now(ctx, "kustomization", tenantFolder)
		read(Default)
		Expect(endpoint.Spec.TokenGeneration).To(BeZero())
		Expect(endpoint.Status.ObservedGeneration).To(Equal(endpoint.Generation))
		Expect([]string{endpoint.Status.Tokens[0].ID, endpoint.Status.Tokens[1].ID}).To(Equal([]string{made[0].ID, made[1].ID}))
		Expect(tokens.NextGeneration(endpoint)).To(Equal(int64(2)))
	})

	It("applies a new rule, and says on the Kustomization what is wrong with its next version, which changes nothing", func(ctx SpecContext) {
		addRule(badge)
		flux.takes(ctx, tenantFolder, flux.push(ctx))
		before := liveRule(ctx, "badge")

		addRule(strings.ReplaceAll(badge, "user.title", "user.titel"))
		repository.edit("acme/organizations.yaml", "name: Engineering", "name: Engineers")
		found := flux.at(ctx, tenantFolder, flux.push(ctx))
		GinkgoWriter.Println(found.message)
		Expect(found.ready).To(Equal("False"))
		Expect(found.reason).To(Equal("ReconciliationFailed"))
		Expect(found.message).To(ContainSubstring("AutomationRule/acme/badge"))
		Expect(found.message).To(ContainSubstring("line 1, column 5: undefined field 'titel'; did you mean user.title?"))
		after := liveRule(ctx, "badge")
		Expect([]any{after.UID, after.Generation}).To(Equal([]any{before.UID, before.Generation}))
		organization := &v1alpha1.Organization{}
		Expect(cluster.Client.Get(ctx, client.ObjectKey{Namespace: tenant, Name: "engineering"}, organization)).To(Succeed())
		Expect(organization.Spec.Name).To(Equal("Engineering"), "nothing of a folder is applied with a rule that is refused")

		addRule(badge)
		repository.edit("acme/organizations.yaml", "name: Engineers", "name: Engineering")
		flux.takes(ctx, tenantFolder, flux.push(ctx))
		Expect(liveRule(ctx, "badge").Generation).To(Equal(before.Generation))
	})

	It("deletes a rule that Git has no longer, but not while it is guarded", func(ctx SpecContext) {
		addRule(badge, v1alpha1.AnnotationGuarded+`: "true"`)
		flux.takes(ctx, tenantFolder, flux.push(ctx))
		removeRule()
		found := flux.at(ctx, tenantFolder, flux.push(ctx))
		GinkgoWriter.Println(found.message)
		Expect(found.ready).To(Equal("False"))
		Expect(found.message).To(ContainSubstring("the rule is guarded"))
		liveRule(ctx, "badge")

		addRule(badge)
		flux.takes(ctx, tenantFolder, flux.push(ctx))
		removeRule()
		flux.takes(ctx, tenantFolder, flux.push(ctx))
		_, err := rule(ctx, "badge")
		Expect(err).To(MatchError(apierrors.IsNotFound, "IsNotFound"))
	})

	It("does not wait for users that fail to map", func(ctx SpecContext) {
		okta := cluster.NewTenant(ctx, tenant, world.Way{
			BaseURL: "https://" + host + "/scim/v2", Address: cluster.Address(ctx, world.System, world.Name), CAFile: certificate.CAFile,
		})
		const user = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": %q, "displayName": "Somebody", "title": %q, "active": true}`
		okta.Expect(ctx, http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(user, "no-address", ""))
		okta.Expect(ctx, http.StatusCreated, http.MethodPost, "/Users", fmt.Sprintf(user, "no-number@example.test", "none"))
		okta.Provisions(ctx)
		addRule(strings.Replace(badge, "value: user.title", "value: string(int(user.title))", 1))
		repository.edit("config/rules/default-user-mapping.yaml", "description: Link", "description: Find")
		flux.takes(ctx, tenantFolder, flux.push(ctx))
		Expect(liveRule(ctx, "default-user-mapping").Spec.Description).To(HavePrefix("Find"))
		Eventually(func(g Gomega) {
			found, err := rule(ctx, "badge")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
			g.Expect(meta.IsStatusConditionFalse(found.Status.Conditions, v1alpha1.ConditionSubjectsHealthy)).To(BeTrue())
			users := &v1alpha1.ScimUserList{}
			g.Expect(cluster.Client.List(ctx, users, client.InNamespace(tenant))).To(Succeed())
			failed := 0
			for _, user := range users.Items {
				if meta.IsStatusConditionFalse(user.Status.Conditions, v1alpha1.ConditionReady) {
					failed++
				}
			}
			g.Expect(failed).To(Equal(2))
		}).Should(Succeed())
		flux.now(ctx, "kustomization", tenantFolder)
		flux.ready(ctx, tenantFolder)
	})

	It("repairs the operator while no replica runs, and applies rules that are as they were", func(ctx SpecContext) {
		cluster.Kubectl(ctx, "--namespace", world.System, "scale", "deployment", world.Name, "--replicas=0")
		Eventually(func(g Gomega) { g.Expect(cluster.Pods(ctx, g)).To(BeEmpty()) }).Should(Succeed())
		flux.now(ctx, "kustomization", tenantFolder)
		flux.ready(ctx, tenantFolder)
		flux.now(ctx, "kustomization", operatorFolder)
		flux.ready(ctx, operatorFolder)
		Expect(cluster.Pods(ctx, Default)).To(HaveLen(2))
	})

	It("keeps people when a tenant is taken out of Git", func(ctx SpecContext) {
		persons := &v1alpha1.PersonList{}
		Expect(cluster.Client.List(ctx, persons, client.InNamespace(tenant))).To(Succeed())
		Expect(persons.Items).NotTo(BeEmpty())
		cluster.Kubectl(ctx, "--namespace", fluxSystem, "delete", "kustomization", tenantFolder)
		_, err := rule(ctx, "default-user-mapping")
		Expect(err).To(MatchError(apierrors.IsNotFound, "IsNotFound"))
		after := &v1alpha1.PersonList{}
		Expect(cluster.Client.List(ctx, after, client.InNamespace(tenant))).To(Succeed())
		Expect(after.Items).To(HaveLen(len(persons.Items)))
		for _, person := range after.Items {
			Expect(person.DeletionTimestamp).To(BeNil())
			Expect(person.Spec.Disabled).To(BeFalse())
		}
	})
})
