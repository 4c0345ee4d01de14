package story_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
	"rservice.dev/scim-operator/hack/testenv/suite"
)

func inOrganization(name string) func(*v1alpha1.ScimUserSpec) {
	return func(spec *v1alpha1.ScimUserSpec) { spec.Enterprise = &v1alpha1.ScimEnterprise{Organization: name} }
}

func organization(name, displayName string) *v1alpha1.Organization {
	return &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.OrganizationSpec{Name: displayName}}
}

// whole is a story in which everything has settled.
func whole(g Gomega, told *story.Story) {
	g.Expect(problem(told, story.ReasonNotSeen)).To(BeNil())
	g.Expect(problem(told, v1alpha1.ReasonPending)).To(BeNil())
	g.Expect(told.Records).NotTo(BeEmpty())
}

var _ = Describe("a story", func() {
	It("says why Anna has no organization, and what to do", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com", inOrganization("Research"))
		group := w.group(ctx, "Engineering", anna)
		told := w.told(ctx, anna, func(g Gomega, told *story.Story) {
			whole(g, told)
			g.Expect(told.Memberships).To(HaveLen(1))
			g.Expect(told.Memberships[0].Reason).To(Equal(v1alpha1.ReasonOrganizationNotFound))
		})

		Expect(told.Title).To(Equal("anna@example.com"))
		Expect(told.Sent.RequestID).To(Equal("request-1"))
		Expect(told.Sent.TokenID).To(Equal("token-1"))
		Expect(told.Stored).To(ContainElements(
			story.Attribute{Name: "userName", Value: "anna@example.com"}, story.Attribute{Name: "enterprise.organization", Value: "Research"}))
		Expect(told.Memberships[0].Title).To(Equal("Engineering"))
		Expect(told.Memberships[0].Group.Name).To(Equal(group.Name))

		gap := problem(told, story.ReasonNoOrganization)
		Expect(gap).NotTo(BeNil())
		Expect(gap.Facts).To(ConsistOf(
			`The client sent organization "Research", and no enabled record of that name was found.`, `Group "Engineering" is linked to no Organization.`))
		Expect(gap.Remedies).To(HaveLen(1))
		Expect(gap.Remedies[0].Commands[0]).To(And(ContainSubstring(`"name":"Research"`), ContainSubstring("-n "+w.namespace)))
		Expect(told.Summary).To(ContainSubstring("Nothing is wrong."))

		By("doing what it says")
		Expect(w.Create(ctx, organization("engineering", "Engineering"))).To(Succeed())
		told = w.told(ctx, anna, func(g Gomega, told *story.Story) {
			whole(g, told)
			g.Expect(problem(told, story.ReasonNoOrganization)).To(BeNil())
			g.Expect(told.Memberships[0].Gave).To(Equal([]string{"organization"}))
		})
		Expect(field(told, "organization").Title).To(Equal("Engineering"))
		Expect(field(told, "organization").SetBy).To(HaveLen(1))
		Expect(field(told, "organization").SetBy[0].Text).To(Equal("rule default-user-mapping, generation 1"))
	})

	It("tells what each rule made of a user", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com")
		told := w.told(ctx, anna, whole)

		Expect(told.Rules).To(HaveLen(1))
		rule := told.Rules[0]
		Expect(rule.Name).To(Equal("default-user-mapping"))
		Expect(rule.Result).To(Equal(v1alpha1.ResultSucceeded))
		Expect(rule.Condition).To(Equal(&story.Condition{Expression: `email != "" && (name != "" || has(record.name))`, Result: metav1.ConditionTrue}))
		Expect(rule.Expressions[0]).To(Equal(story.Expression{
			Name: "email", Source: "isEmail(user.userName) ? user.userName : primaryOrFirst(user.emails)", Value: "anna@example.com"}))
		Expect(rule.Changes).To(ContainElement(v1alpha1.FieldChange{Field: "primaryEmail", To: "anna@example.com"}))
		Expect(rule.Narrative[0]).To(ContainSubstring("the first run of this rule"))
		Expect(rule.Runs).To(HaveLen(1))
		Expect(told.Records[0].LinkedTo.Name).To(Equal(anna.Name))
	})

	It("names the generation of the rule that set a field", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com", func(spec *v1alpha1.ScimUserSpec) { spec.Title = "Engineer" })
		w.settled(ctx, anna)
		rule := &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Name: "default-user-mapping"}}
		update(ctx, w, rule, func(r *v1alpha1.AutomationRule) {
			for i := range r.Spec.Update.Set {
				if r.Spec.Update.Set[i].Field == "jobTitle" {
					r.Spec.Update.Set[i].Value = `"Senior " + user.title`
				}
			}
			r.Spec.Examples = nil
		})
		told := w.told(ctx, anna, func(g Gomega, told *story.Story) {
			g.Expect(field(told, "jobTitle").Value).To(Equal("Senior Engineer"))
			g.Expect(told.Rules[0].RuleGeneration).To(Equal(rule.Generation)) // the execution follows the record
		})
		Expect(field(told, "jobTitle").SetBy[0]).To(And(
			HaveField("Kind", story.SetByRule), HaveField("Rule", "default-user-mapping"), HaveField("Generation", rule.Generation)))
		Expect(field(told, "name").SetBy[0]).To(And(HaveField("Kind", story.SetByRule), HaveField("Generation", int64(0))))
	})

	It("names who edited a Person by hand, and what Git applies", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com")
		person := w.settled(ctx, anna)
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"location":"4.12"}}`))
		Expect(w.Patch(ctx, person, patch, client.FieldOwner("kubectl-edit"))).To(Succeed())
		//nolint:staticcheck // the apply of a client without types is what Flux does
		Expect(w.Patch(ctx, &v1alpha1.Person{
			TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Person"}, ObjectMeta: metav1.ObjectMeta{Name: person.Name},
			Spec: v1alpha1.PersonSpec{PrimaryEmail: "anna@example.com", CostCenter: "42"},
		}, client.Apply, client.FieldOwner("kustomize-controller"), client.ForceOwnership)).To(Succeed())

		told := w.told(ctx, anna, func(g Gomega, told *story.Story) { g.Expect(field(told, "costCenter").Value).To(Equal("42")) })
		Expect(field(told, "location").SetBy).To(ConsistOf(And(HaveField("Kind", story.SetByHand), HaveField("Text", "by hand, with kubectl-edit"))))
		Expect(field(told, "costCenter").SetBy[0]).To(And(HaveField("Kind", story.SetByApply), HaveField("Manager", "kustomize-controller")))
	})

	It("tells of a leaver, and of the Person once the user is gone", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com")
		person := w.settled(ctx, anna)
		update(ctx, w, anna, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		told := w.told(ctx, anna, func(g Gomega, told *story.Story) {
			whole(g, told)
			g.Expect(told.Records[0].Disabled).To(BeTrue())
		})
		Expect(problem(told, story.ReasonPersonDisabled).Message).To(Equal("The Person is disabled: the client has deactivated the user."))
		Expect(told.Summary).To(HavePrefix("The client has deactivated this user."))

		Expect(w.Delete(ctx, anna)).To(Succeed())
		told = w.told(ctx, person, func(g Gomega, told *story.Story) {
			g.Expect(problem(told, story.ReasonPersonDisabled)).NotTo(BeNil())
			g.Expect(problem(told, story.ReasonPersonDisabled).Message).To(ContainSubstring("the client has deleted the user"))
			g.Expect(told.Sent).To(BeNil())
		})
		Expect(told.Records[0].LinkedTo.Name).To(Equal(anna.Name))
	})

	It("tells of an expression that fails", func(ctx SpecContext) {
		w := newWorld(ctx)
		rule := &v1alpha1.AutomationRule{
			ObjectMeta: metav1.ObjectMeta{Name: "badge"},
			Spec: v1alpha1.AutomationRuleSpec{
				Subject: v1alpha1.SubjectScimUser, Position: new(int32(20)),
				Expressions: []v1alpha1.NamedExpression{{Name: "badge", Value: "string(int(user.title))"}},
				Update: v1alpha1.RuleUpdate{
					Kind: v1alpha1.RecordPerson, Match: map[string]v1alpha1.MatchExpression{"primaryEmail": "user.userName"},
					Set: []v1alpha1.FieldAssignment{{Field: "supportID", Value: "badge"}},
				},
			},
		}
		Expect(w.Create(ctx, rule)).To(Succeed())
		anna := w.user(ctx, "anna@example.com", func(spec *v1alpha1.ScimUserSpec) { spec.Title = "no number" })
		told := w.told(ctx, anna, func(g Gomega, told *story.Story) {
			whole(g, told)
			g.Expect(problem(told, v1alpha1.ReasonExpressionError)).NotTo(BeNil())
		})
		first := told.Problems[0]
		Expect(first).To(And(HaveField("Severity", story.SeverityError), HaveField("Reason", v1alpha1.ReasonExpressionError), HaveField("On.Kind", story.KindUser)))
		Expect(first.Message).To(ContainSubstring("badge"))
		Expect(first.Remedies[0].Commands).To(ContainElement(fmt.Sprintf("kubectl -n %s describe automationruleexecution badge-%s", w.namespace, anna.Name)))
		Expect(told.Rules[1].Name).To(Equal("badge"))
		Expect(told.Rules[1].Result).To(Equal(v1alpha1.ResultFailed))
		count := 0
		for _, p := range told.Problems {
			if p.Reason == v1alpha1.ReasonExpressionError {
				count++
			}
		}
		Expect(count).To(Equal(1), "one failure is told once")
	})

	It("tells which Person stands in the way, and whose that is", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com")
		person := w.settled(ctx, anna)
		other := w.user(ctx, "anna2", func(spec *v1alpha1.ScimUserSpec) {
			spec.Emails = []v1alpha1.ScimValue{{Value: "anna@example.com", Type: "work", Primary: new(true)}}
		})
		told := w.told(ctx, other, func(g Gomega, told *story.Story) {
			g.Expect(problem(told, v1alpha1.ReasonPrimaryEmailTaken)).NotTo(BeNil())
		})
		taken := problem(told, v1alpha1.ReasonPrimaryEmailTaken)
		Expect(taken.Facts).To(ConsistOf(fmt.Sprintf("Person %s (Anna) has the address and is linked to ScimUser %s, userName anna@example.com, which is active.", person.Name, anna.Name)))
		Expect(taken.Remedies[0].Commands).To(ContainElement(fmt.Sprintf("kubectl -n %s get scimuser %s -o yaml", w.namespace, anna.Name)))
		Expect(strings.Join(taken.Remedies[0].Commands, "\n")).NotTo(ContainSubstring("delete"), "its user is active")
		Expect(told.Stored).To(ContainElement(story.Attribute{Name: "emails[0]", Value: "anna@example.com (work, primary)"}))
	})

	It("tells of whom the brake holds, and the command that releases", func(ctx SpecContext) {
		w := newWorld(ctx, func(spec *v1alpha1.ScimEndpointSpec) {
			spec.Safety.MinDisableCount, spec.Safety.MinCountPerDay = new(int32(1)), new(int32(1))
			spec.Safety.MaxDisablePercent, spec.Safety.MaxPercentPerDay = new(int32(1)), new(int32(1))
		})
		anna, bert := w.user(ctx, "anna@example.com"), w.user(ctx, "bert@example.com")
		for _, user := range []*v1alpha1.ScimUser{anna, bert} {
			w.settled(ctx, user)
			update(ctx, w, user, func(u *v1alpha1.ScimUser) { u.Spec.Active = new(false) })
		}
		var heldUser *v1alpha1.ScimUser
		Eventually(func(g Gomega) {
			for _, user := range []*v1alpha1.ScimUser{anna, bert} {
				g.Expect(w.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
				if user.Status.HeldGeneration > 0 {
					heldUser = user
				}
			}
			g.Expect(heldUser).NotTo(BeNil())
			g.Expect(w.Get(ctx, client.ObjectKeyFromObject(w.endpoint), w.endpoint)).To(Succeed())
			g.Expect(w.endpoint.Status.Held).NotTo(BeNil())
			g.Expect(w.endpoint.Status.Held.Count).To(BeEquivalentTo(1))
		}).Should(Succeed())
		told := w.told(ctx, heldUser, func(g Gomega, told *story.Story) { g.Expect(problem(told, v1alpha1.ReasonHeld)).NotTo(BeNil()) })
		Expect(told.Problems[0].Reason).To(Equal(v1alpha1.ReasonHeld))
		Expect(told.Problems[0].Remedies[0].Commands).To(ContainElement(fmt.Sprintf(
			"kubectl -n %s annotate --overwrite scimendpoint okta provisioning.rservice.dev/release-held=%d", w.namespace, w.endpoint.Status.Held.Generation)))
	})

	It("tells of a group without an Organization, and of the Organization of another one", func(ctx SpecContext) {
		w := newWorld(ctx)
		Expect(w.Create(ctx, organization("sales", "Sales"))).To(Succeed())
		lost, linked := w.group(ctx, "O'Reilly $(id)"), w.group(ctx, "Sales")
		told := w.told(ctx, lost, func(g Gomega, told *story.Story) {
			g.Expect(problem(told, v1alpha1.ReasonOrganizationNotFound)).NotTo(BeNil())
		})
		Expect(problem(told, v1alpha1.ReasonOrganizationNotFound).Remedies[0].Commands[0]).To(ContainSubstring(`"name":"O'\''Reilly $(id)"`))
		Expect(told.Records).To(BeEmpty())
		w.told(ctx, lost, func(g Gomega, told *story.Story) { // the rule's failure is told once, with the group's reason
			g.Expect(told.Problems).To(ConsistOf(HaveField("Reason", v1alpha1.ReasonOrganizationNotFound)))
		})

		told = w.told(ctx, linked, whole)
		Expect(told.Records[0].Subject.Name).To(Equal("sales"))
		Expect(field(told, "sourceID").Value).To(Equal(linked.Name))

		told = w.toldOf(ctx, story.Subject{Kind: story.KindOrganization, Namespace: w.namespace, Name: "sales"}, whole)
		Expect(told.Related).To(ConsistOf(HaveField("Subject.Name", linked.Name)))
		Expect(told.Sent.By.Name).To(Equal(linked.Name))
	})

	It("is the same from a cache and from the API server", func(ctx SpecContext) {
		w := newWorld(ctx)
		Expect(w.Create(ctx, organization("sales", "Sales"))).To(Succeed())
		boss := w.user(ctx, "boss@example.com")
		anna := w.user(ctx, "anna@example.com", func(spec *v1alpha1.ScimUserSpec) {
			spec.Enterprise = &v1alpha1.ScimEnterprise{Manager: &v1alpha1.ScimManager{Value: "boss@example.com"}, Site: "Nowhere"}
		})
		w.group(ctx, "Sales", anna, boss)
		w.group(ctx, "Lost", anna)
		for _, user := range []*v1alpha1.ScimUser{boss, anna} {
			told := w.told(ctx, user, func(g Gomega, told *story.Story) {
				whole(g, told)
				g.Expect(field(told, "organization").Title).To(Equal("Sales"))
				cached, err := story.Tell(ctx, w.cached(), told.Subject)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(cached).To(Equal(told))
			})
			Expect(told.NotAllowed).To(BeEmpty())
		}
		for _, text := range []string{"ANNA@example.com", "anna@example.com", anna.Name, "Lost", "sales"} {
			fromCache, err := story.Find(ctx, w.cached(), w.namespace, text)
			Expect(err).NotTo(HaveOccurred())
			fromServer, err := story.Find(ctx, w.live(), w.namespace, text)
			Expect(err).NotTo(HaveOccurred())
			Expect(fromCache).To(HaveLen(1), text)
			Expect(fromServer).To(Equal(fromCache), text)
		}
	})

	It("asks for what it needs and nothing else", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com")
		w.told(ctx, anna, whole)
		c, count := countingClient()
		source := story.Live(c)
		found, err := story.Find(ctx, source, w.namespace, "anna@example.com")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(ConsistOf(HaveField("Subject", subject(w, anna))))
		_, err = story.Tell(ctx, source, found[0].Subject)
		Expect(err).NotTo(HaveOccurred())
		requests := count.namespaced(w.namespace)
		Expect(len(requests)).To(BeNumerically("<=", 25), "%q", requests)
		for _, request := range requests {
			for _, kind := range []string{"scimusers", "persons", "automationruleexecutions"} {
				if strings.HasPrefix(request, kind+"?") || request == kind {
					Expect(request).To(ContainSubstring("fieldSelector"), "a list of all %s", kind)
				}
			}
		}
	})
})

var _ = Describe("a reader with few rights", func() {
	It("is told what it may read, and what it may not", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com")
		w.settled(ctx, anna)
		const reader = "support-desk"
		rbac := suite.Client(env.Config, rbacv1.AddToScheme)
		Expect(rbac.Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: reader}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"scimusers", "automationrules", "automationruleexecutions"}, Verbs: []string{"get", "list"},
		}}})).To(Succeed())
		Expect(rbac.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: reader}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: reader},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: reader}},
		})).To(Succeed())
		Eventually(func() (bool, error) {
			return env.May(ctx, reader, w.namespace, "list", v1alpha1.GroupVersion.WithResource("scimusers").GroupResource())
		}).Should(BeTrue())
		cfg, err := env.User(reader)
		Expect(err).NotTo(HaveOccurred())
		source := story.Live(suite.Client(cfg))
		Expect(story.Find(ctx, source, w.namespace, "anna@example.com")).To(ConsistOf(HaveField("Subject", subject(w, anna))))
		told, err := story.Tell(ctx, source, subject(w, anna))
		Expect(err).NotTo(HaveOccurred())
		Expect(told.NotAllowed).To(ConsistOf("persons", "scimendpoints", "scimgrouppages"))
		Expect(told.Rules).To(HaveLen(1))
		Expect(told.Summary).To(ContainSubstring("You may not read"))
		_, err = story.Find(ctx, source, w.namespace, "nobody")
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
		_, err = story.Tell(ctx, source, story.Subject{Kind: story.KindPerson, Namespace: w.namespace, Name: "x"})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})
})

var _ = Describe("Find", func() {
	It("finds by whatever a user is called, in whatever case", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna", func(spec *v1alpha1.ScimUserSpec) {
			spec.ExternalID, spec.DisplayName = "00u1", "Anna Müller"
			spec.Emails = []v1alpha1.ScimValue{{Value: "Anna.Mueller@Example.com", Primary: new(true)}}
		})
		person := w.settled(ctx, anna)
		for _, text := range []string{"anna", "ANNA", " anna ", "00u1", "anna müller", "anna.mueller@example.com", "ANNA.MUELLER@EXAMPLE.COM", anna.Name} {
			Expect(story.Find(ctx, w.live(), w.namespace, text)).To(ConsistOf(HaveField("Subject", subject(w, anna))), text)
		}
		Expect(story.Find(ctx, w.live(), w.namespace, person.Name)).To(ConsistOf(HaveField("Subject", subject(w, person))))
		Expect(story.Find(ctx, w.live(), w.namespace, "nobody")).To(BeEmpty())
		Expect(story.Find(ctx, w.live(), w.namespace, "")).To(BeEmpty())
	})

	It("goes through what a cache holds, and not through what the API server has", func(ctx SpecContext) {
		w := newWorld(ctx)
		anna := w.user(ctx, "anna@example.com", func(spec *v1alpha1.ScimUserSpec) { spec.DisplayName = "Anna Müller" })
		c, count := countingClient()
		source := story.Cached(w.manager.GetCache(), c)
		Eventually(func() ([]story.Found, error) { return story.Find(ctx, source, w.namespace, "anna müller") }).Should(ConsistOf(HaveField("Subject", subject(w, anna))))
		Expect(story.Find(ctx, source, w.namespace, "Nobody Nowhere")).To(BeEmpty())
		Expect(count.namespaced(w.namespace)).To(BeEmpty())
	})

	It("names no more than somebody can choose from, whatever clients send", func(ctx SpecContext) {
		w := newWorld(ctx)
		for i := range 120 {
			w.user(ctx, fmt.Sprintf("user-%d@example.com", i), func(spec *v1alpha1.ScimUserSpec) { spec.DisplayName = "Everybody" })
		}
		Eventually(func() ([]story.Found, error) { return story.Find(ctx, w.cached(), w.namespace, "everybody") }).Should(HaveLen(100))
		Expect(story.Find(ctx, w.live(), w.namespace, "everybody")).To(HaveLen(100))
	})
})
