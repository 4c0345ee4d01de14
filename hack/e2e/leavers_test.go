package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// tombstone is what Entra makes of the userName of a user whom it deletes: the 32 hex
// digits of the object's id before it.
func tombstone(userName string) string { return "6b3f2a9c1d4e4f0f8a7b5c6d7e8f9a0b" + userName }

func patchOf(operations ...string) string {
	return `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [` + strings.Join(operations, ", ") + `]}`
}

func replace(path, value string) string {
	return fmt.Sprintf(`{"op": "Replace", "path": %q, "value": %s}`, path, value)
}

const babs, babsName = "babs@example.com", "Babs Jensen"

// leavingBabs is Babs as a client that renames leavers sends her.
func leavingBabs(userName string) string {
	return bodyOf(fmt.Sprintf(`"userName": %q, "displayName": "zz Babs", "active": false, "title": "Former guide",
		"emails": [{"value": %q, "primary": true}, {"value": "zz@example.org"}]`, userName, "zz_"+babs))
}

var _ = Describe("Whoever leaves and comes back", func() {
	var (
		t       *tenant
		process *operator
		id      string
		person  *v1alpha1.Person
	)
	BeforeEach(func(ctx SpecContext) {
		t = newTenant(ctx)
		process = t.start(ctx)
		id = t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(contentOfBabs+`, "title": "Guide"`)).id()
		_, person = t.mapped(ctx, id)
	})

	// onePerson expects one Person alone, the first one, as kubectl shows it.
	onePerson := func(ctx context.Context, user string, disabled bool) *v1alpha1.Person {
		GinkgoHelper()
		persons := &v1alpha1.PersonList{}
		Eventually(func(g Gomega) {
			g.Expect(direct.List(ctx, persons, client.InNamespace(t.namespace))).To(Succeed())
			g.Expect(persons.Items).To(HaveLen(1))
			g.Expect(persons.Items[0].UID).To(Equal(person.UID))
			spec := persons.Items[0].Spec
			g.Expect(spec.SourceID).To(Equal(user))
			g.Expect(spec.Disabled).To(Equal(disabled))
			g.Expect(spec.PrimaryEmail).To(Equal(babs))
			g.Expect(spec.Name).To(Equal(babsName))
			g.Expect(spec.OtherEmails).To(BeEmpty())
		}).Should(Succeed())
		return &persons.Items[0]
	}
	// takenOver expects the user to be in order without a Person of its own.
	takenOver := func(ctx context.Context, user string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			got := &v1alpha1.ScimUser{}
			g.Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: user}, got)).To(Succeed())
			g.Expect(got.Status.ObservedGeneration).To(Equal(got.Generation))
			ready := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.ConditionReady)
			g.Expect(ready).To(HaveValue(And(HaveField("Status", BeEquivalentTo("True")), HaveField("Reason", v1alpha1.ReasonPersonTakenOver),
				HaveField("Message", ContainSubstring(person.Name)))))
			g.Expect(got.Status.Person).To(BeNil())
			g.Expect(got.Status.FormerPerson).To(HaveValue(HaveField("Name", person.Name)))
		}).Should(Succeed())
	}
	send := func(ctx context.Context, method, body string) {
		GinkgoHelper()
		t.expect(ctx, http.StatusOK, method, "/Users/"+id, body)
		t.mapped(ctx, id)
	}
	hired := func(ctx context.Context) string {
		GinkgoHelper()
		again := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(contentOfBabs)).id()
		t.mapped(ctx, again)
		return again
	}

	restart := func(ctx SpecContext) {
		GinkgoHelper()
		Expect(process.stop(syscall.SIGTERM)).To(Succeed())
		process = t.start(ctx)
	}

	// ways are those in which clients have users leave: each renames them.
	ways := []any{
		Entry("Entra's soft delete", func(ctx context.Context) {
			send(ctx, http.MethodPatch, patchOf(replace("active", "false"), replace("userName", fmt.Sprintf("%q", tombstone(babs)))))
		}),
		Entry("Entra's soft delete, with a userName that is no address then", func(ctx context.Context) {
			send(ctx, http.MethodPatch, patchOf(replace("active", "false"), replace("userName", fmt.Sprintf("%q", tombstone("babs"))), `{"op": "remove", "path": "emails"}`))
		}),
		Entry("a PUT that renames to zz_…", func(ctx context.Context) { send(ctx, http.MethodPut, leavingBabs("zz_"+babs)) }),
		Entry("a PUT that renames to disabled.…, no address", func(ctx context.Context) { send(ctx, http.MethodPut, leavingBabs("disabled.babs")) }),
		Entry("deactivation first, and a new name in a later request", func(ctx context.Context) {
			send(ctx, http.MethodPatch, deactivation)
			send(ctx, http.MethodPatch, patchOf(replace("userName", fmt.Sprintf("%q", tombstone(babs))), replace("displayName", `"Left"`)))
		}),
	}

	DescribeTable("is restored, after", append([]any{func(ctx SpecContext, leave func(context.Context)) {
		leave(ctx)
		onePerson(ctx, id, true)
		send(ctx, http.MethodPatch, patchOf(replace("active", "true"), replace("userName", fmt.Sprintf("%q", babs)),
			replace("displayName", fmt.Sprintf("%q", babsName)), replace("emails", fmt.Sprintf(`[{"value": %q, "type": "work"}]`, babs))))
		onePerson(ctx, id, false)
	}}, ways...)...)

	DescribeTable("is a new user, after", append([]any{func(ctx SpecContext, leave func(context.Context)) {
		leave(ctx)
		onePerson(ctx, id, true)
		again := hired(ctx)
		onePerson(ctx, again, false)
		takenOver(ctx, id)

		By("delivering what changes about the old user to nobody")
		t.expect(ctx, http.StatusOK, http.MethodPatch, "/Users/"+id, patchOf(replace("title", `"Nobody"`)))
		takenOver(ctx, id)
		Expect(onePerson(ctx, again, false).Spec.JobTitle).NotTo(Equal("Nobody"))

		By("letting the old user go")
		t.expect(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+id, "")
		t.gone(ctx, id)
		onePerson(ctx, again, false)
	}}, ways...)...)

	DescribeTable("is a new user once the old one is deleted, after", append([]any{func(ctx SpecContext, leave func(context.Context)) {
		leave(ctx)
		t.expect(ctx, http.StatusNoContent, http.MethodDelete, "/Users/"+id, "")
		t.gone(ctx, id)
		onePerson(ctx, id, true)
		onePerson(ctx, hired(ctx), false)
	}}, ways...)...)

	It("keeps the changes that are real", func(ctx SpecContext) {
		send(ctx, http.MethodPut, leavingBabs("disabled.babs"))
		Expect(onePerson(ctx, id, true).Spec.JobTitle).To(Equal("Former guide"))
		send(ctx, http.MethodPatch, patchOf(replace("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", `"701984"`)))
		Expect(onePerson(ctx, id, true).Spec.EmployeeID).To(Equal("701984"))
		execution := &v1alpha1.AutomationRuleExecution{}
		Expect(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: "default-user-mapping-" + id}, execution)).To(Succeed())
		Expect(execution.Status.Conditions[0].Message).To(MatchRegexp("it goes by userName, .*emails of when the user was last active"))
	})

	It("keeps what it was called last, though nobody had looked before it left", func(ctx SpecContext) {
		t.expect(ctx, http.StatusOK, http.MethodPatch, "/Users/"+id, patchOf(replace("userName", `"roe@example.com"`), replace("displayName", `"Babs Roe"`)))
		send(ctx, http.MethodPut, leavingBabs(tombstone("roe@example.com")))
		got := &v1alpha1.Person{}
		Eventually(func(g Gomega) {
			g.Expect(direct.Get(ctx, client.ObjectKeyFromObject(person), got)).To(Succeed())
			g.Expect(got.Spec).To(And(HaveField("PrimaryEmail", "roe@example.com"), HaveField("Name", "Babs Roe"), HaveField("Disabled", true)))
		}).Should(Succeed())
	})

	It("is found by whoever is hired after both have left", func(ctx SpecContext) {
		send(ctx, http.MethodPut, leavingBabs(tombstone(babs)))
		second := hired(ctx)
		first := id
		id = second
		send(ctx, http.MethodPut, leavingBabs("zz_"+babs))
		third := hired(ctx)
		onePerson(ctx, third, false)
		takenOver(ctx, first)
		takenOver(ctx, second)
	})

	It("stays one Person over a restart and a restore that brings no status", func(ctx SpecContext) {
		send(ctx, http.MethodPut, leavingBabs(tombstone(babs)))
		again := hired(ctx)
		takenOver(ctx, id)
		user := &v1alpha1.ScimUser{}
		Eventually(func() error {
			if err := direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: id}, user); err != nil {
				return err
			}
			user.Status = v1alpha1.ScimUserStatus{}
			return direct.Status().Update(ctx, user)
		}).Should(Succeed())
		restart(ctx)
		takenOver(ctx, id)
		onePerson(ctx, again, false)

		By("not making one for who has left when somebody deletes the Person")
		Expect(direct.Delete(ctx, person)).To(Succeed())
		Eventually(func(g Gomega) {
			made := &v1alpha1.Person{}
			g.Expect(direct.Get(ctx, client.ObjectKeyFromObject(person), made)).To(Succeed())
			g.Expect(made.UID).NotTo(Equal(person.UID))
			person.UID = made.UID
		}).Should(Succeed())
		restart(ctx)
		t.mapped(ctx, hiredOther(ctx, t))
		persons := &v1alpha1.PersonList{}
		Expect(direct.List(ctx, persons, client.InNamespace(t.namespace))).To(Succeed())
		Expect(persons.Items).To(HaveLen(2))
	})

	It("has a disabled Person as before, who is new and inactive", func(ctx SpecContext) {
		inactive := t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users",
			bodyOf(`"userName": "new@example.com", "displayName": "New", "active": false`)).id()
		_, made := t.mapped(ctx, inactive)
		Expect(made.Spec).To(And(HaveField("Disabled", true), HaveField("PrimaryEmail", "new@example.com"), HaveField("Name", "New")))
	})
})

func hiredOther(ctx context.Context, t *tenant) string {
	GinkgoHelper()
	return t.expect(ctx, http.StatusCreated, http.MethodPost, "/Users", bodyOf(`"userName": "other@example.com", "displayName": "Other"`)).id()
}

// gone waits until a deleted user is.
func (t *tenant) gone(ctx context.Context, id string) {
	GinkgoHelper()
	Eventually(func() bool {
		return apierrors.IsNotFound(direct.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: id}, &v1alpha1.ScimUser{}))
	}).Should(BeTrue())
}
