package cli_test

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/cli"
	"rservice.dev/scim-operator/console/story"
)

// lines are those of a text, without the empty one at its end.
func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

var _ = Describe("why", func() {
	It("tells of somebody who is all right, within a screen", func(ctx SpecContext) {
		t := newRunning(ctx)
		Expect(t.Create(ctx, &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: "organization-1"}, Spec: v1alpha1.OrganizationSpec{Name: "Sales"}})).To(Succeed())
		anna := newUser("anna@example.com", "Anna Smith", func(u *v1alpha1.ScimUser) {
			u.Spec.Title, u.Spec.Timezone, u.Spec.Locale = "Head of Sales", "Europe/Amsterdam", "nl-NL"
			u.Spec.PhoneNumbers = []v1alpha1.ScimValue{{Value: "+31 20 555 0100", Type: "work"}}
			u.Spec.Enterprise = &v1alpha1.ScimEnterprise{EmployeeNumber: "4711", CostCenter: "EMEA-7"}
		})
		t.settled(ctx, anna, v1alpha1.ReasonReady)
		t.settled(ctx, newGroup("Sales", anna), v1alpha1.ReasonReady)
		var shown outcome
		Eventually(func() string {
			shown = t.scim(ctx, "why", "anna@example.com")
			return shown.Out
		}).Should(MatchRegexp(`organization:\s+Sales\s+\(organization-1\)`)) // a line may end within
		Expect(shown.Code).To(Equal(cli.ExitOK), shown.Out)
		Expect(len(lines(shown.Out))).To(BeNumerically("<", 24), shown.Out)
		for _, line := range lines(shown.Out) {
			Expect(utf8.RuneCountInString(line)).To(BeNumerically("<=", 80), line)
		}
		Expect(shown.Out).To(And(
			HavePrefix("ScimUser anna@example.com"), ContainSubstring("Groups   Sales = Organization Sales"),
			ContainSubstring("Rules    10 default-user-mapping: succeeded"), ContainSubstring("Person   Anna Smith"),
			MatchRegexp(`jobTitle:\s+Head\s+of\s+Sales`), MatchRegexp(`rule\s+default-user-mapping`),
		))
		for _, name := range []string{"ANNA@example.com", anna.Name, "Anna Smith"} {
			Expect(t.scim(ctx, "why", name).Out).To(HavePrefix("ScimUser anna@example.com"), name)
		}
		Expect(t.scim(ctx, "why", "sales").Out).To(HavePrefix("ScimGroup Sales"), "a group by its name")
	})

	It("tells what is wrong first, with the remedy as a command", func(ctx SpecContext) {
		t := newRunning(ctx)
		badge := newUser("badge-17", "Badge 17")
		t.settled(ctx, badge, v1alpha1.ReasonPersonMissing)
		shown := t.scim(ctx, "why", "badge-17")
		Expect(shown.Code).To(Equal(cli.ExitWrong), shown.Err)
		Expect(lines(shown.Out)[3]).To(HavePrefix("WRONG    PersonMissing"), shown.Out)
		Expect(shown.Out).To(And(ContainSubstring("\n  Do     "), ContainSubstring("\n         $ kubectl "), Not(ContainSubstring(".md"))))
		Expect(len(lines(shown.Out))).To(BeNumerically("<=", 24), shown.Out)
	})

	It("gives programs the whole story, and wide what rules worked with", func(ctx SpecContext) {
		t := newRunning(ctx)
		anna := newUser("anna@example.com", "Anna Smith", func(u *v1alpha1.ScimUser) { u.Spec.NickName = "A\x1b[2Jn\u202en" })
		t.settled(ctx, anna, v1alpha1.ReasonReady)
		told := story.Story{}
		Expect(json.Unmarshal([]byte(t.scim(ctx, "why", anna.Name, "-o", "json").Out), &told)).To(Succeed())
		Expect(told.Subject).To(Equal(story.Subject{Kind: "ScimUser", Namespace: t.namespace, Name: anna.Name}))
		Expect(told.Records).To(HaveLen(1))
		Expect(told.Rules[0].Expressions).NotTo(BeEmpty())
		var both []story.Story
		Expect(json.Unmarshal([]byte(t.scim(ctx, "why", anna.Name, anna.Name, "-o", "json").Out), &both)).To(Succeed())
		Expect(both).To(HaveLen(2))
		wide := t.scim(ctx, "why", anna.Name, "-o", "wide").Out
		Expect(wide).To(And(ContainSubstring("email = anna@example.com"), ContainSubstring("What the client sent:"), ContainSubstring("primaryEmail")))
		for _, format := range []string{"wide", "json", "yaml"} {
			Expect(t.scim(ctx, "why", anna.Name, "-o", format).Out).NotTo(MatchRegexp("[\x1b\u202e]"), format)
		}
		Expect(t.scim(ctx, "why", anna.Name).Out).NotTo(MatchRegexp("[\x1b\u202e]"))
	})

	It("says who is not there, and who is meant where several are", func(ctx SpecContext) {
		t := newTenant(ctx)
		for _, name := range []string{"anna@example.com", "anna@example.org"} {
			anna := newUser(name, "Anna Smith")
			anna.Spec.Active = new(name == "anna@example.com")
			Expect(t.Create(ctx, anna)).To(Succeed())
		}
		shown := t.scim(ctx, "why", "bert@example.com")
		Expect(shown).To(And(HaveField("Code", cli.ExitError), HaveField("Err", ContainSubstring("nobody and nothing in namespace "+t.namespace))))
		shown = t.scim(ctx, "why", "anna smith")
		Expect(shown).To(And(HaveField("Code", cli.ExitError), HaveField("Err", And(
			ContainSubstring("means several"), ContainSubstring(" (anna@example.com)"), ContainSubstring(" (anna@example.org, not active)"),
		))))
		Expect(t.scim(ctx, "why")).To(And(HaveField("Code", cli.ExitError), HaveField("Err", ContainSubstring("say who or what"))))
		Expect(t.scim(ctx, "why", "anna", "--as", "nobody").Err).To(HavePrefix("error: read Site: "))
		Expect(t.scim(ctx, "why", "anna", "-o", "xml").Err).To(ContainSubstring("allowed formats are: json,yaml,wide"))
	})
})
