package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/action"
	"rservice.dev/scim-operator/console/cli"
)

var _ = Describe("errors", func() {
	It("groups what is wrong by reason, most frequent first, and says what to do", func(ctx SpecContext) {
		t := newRunning(ctx)
		t.grant(ctx)
		shown := t.scim(ctx, "errors", "--as", "viewer")
		Expect(shown.Out).To(HavePrefix("Nothing is wrong"))
		Expect(shown.Code).To(Equal(cli.ExitOK))
		for i := range 3 {
			t.settled(ctx, newGroup(fmt.Sprintf("Group %d", i)), v1alpha1.ReasonOrganizationNotFound)
		}
		badge := newUser("badge-17", "Badge 17")
		t.settled(ctx, badge, v1alpha1.ReasonPersonMissing)
		shown = t.scim(ctx, "errors", "--as", "viewer")
		Expect(shown.Code).To(Equal(cli.ExitWrong), shown.Err)
		Expect(lines(shown.Out)[0]).To(HavePrefix("3 × OrganizationNotFound (3 AutomationRuleExecution, 3 ScimGroup)"))
		Expect(strings.Join(strings.Fields(shown.Out), " ")).To(ContainSubstring("- and 1 more; their names: kubectl scim errors OrganizationNotFound -o name -n " + t.namespace))
		Expect(shown.Out).To(And(ContainSubstring("\n1 × PersonMissing (1 ScimUser)\n"), ContainSubstring("  Do No Organization"),
			ContainSubstring("$ kubectl scim why "+badge.Name+" -n "+t.namespace)))
		var groups []cli.ErrorGroup
		Expect(json.Unmarshal([]byte(t.scim(ctx, "errors", "PersonMissing", "-o", "json").Out), &groups)).To(Succeed())
		Expect(groups).To(HaveLen(1))
		Expect(groups[0].Examples).To(ConsistOf(HaveField("Title", "badge-17")))
		Expect(t.scim(ctx, "errors", "PersonMissing", "-o", "name").Out).To(Equal("scimuser.provisioning.rservice.dev/" + badge.Name + "\n"))
		none := t.scim(ctx, "errors", "NoSuchReason")
		Expect(none.Code).To(Equal(cli.ExitOK))
		Expect(strings.Join(strings.Fields(none.Out), " ")).To(ContainSubstring("This version knows no reason NoSuchReason"))
	})

	It("does not call all well that it may not read", func(ctx SpecContext) {
		t := newTenant(ctx)
		shown := t.scim(ctx, "errors", "--as", "nobody")
		Expect(shown).To(And(HaveField("Code", cli.ExitError), HaveField("Out", BeEmpty()), HaveField("Err", ContainSubstring("this is not all"))))
	})

	It("reads page after page, and keeps some of each reason", func(ctx SpecContext) {
		t := newTenant(ctx)
		const failed = 501
		for range failed {
			id := uuid.Must(uuid.NewV7()).String()
			Expect(t.Create(ctx, &v1alpha1.AutomationRuleExecution{
				ObjectMeta: metav1.ObjectMeta{Name: "rule-" + id},
				Spec:       v1alpha1.AutomationRuleExecutionSpec{Rule: "rule", Subject: v1alpha1.SubjectReference{Kind: v1alpha1.SubjectScimUser, Name: id}},
				Status: v1alpha1.AutomationRuleExecutionStatus{Result: v1alpha1.ResultFailed, Conditions: []metav1.Condition{{
					Type: v1alpha1.ConditionSucceeded, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonExpressionError, LastTransitionTime: metav1.Now(),
				}}},
			})).To(Succeed())
		}
		var groups []cli.ErrorGroup
		Expect(json.Unmarshal([]byte(t.scim(ctx, "errors", "-o", "json").Out), &groups)).To(Succeed())
		Expect(groups).To(HaveLen(1))
		Expect(groups[0].Count).To(Equal(failed))
		Expect(groups[0].Examples).To(HaveLen(10))
		Expect(lines(t.scim(ctx, "errors", "-o", "name").Out)).To(HaveLen(failed))
	})
})

var _ = Describe("connection", func() {
	It("tells what to type into the client, and where the token is", func(ctx SpecContext) {
		t := newRunning(ctx)
		t.grant(ctx)
		endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
		t.eventually(ctx, endpoint, v1alpha1.ReasonReady)
		shown := t.scim(ctx, "connection", "--as", "viewer")
		Expect(shown.Code).To(Equal(cli.ExitOK), shown.Out)
		Expect(shown.Out).To(And(
			ContainSubstring("https://scim.example.com/scim/v2"), ContainSubstring("kubectl -n "+t.namespace+" get secret okta-token -o jsonpath='{.data.token}' | base64 -d"),
			ContainSubstring("Unique identifier field for users: userName"), ContainSubstring("never used"), ContainSubstring("100 requests per second"),
		))
		var found []cli.Connection
		Expect(json.Unmarshal([]byte(t.scim(ctx, "connection", "okta", "-o", "json").Out), &found)).To(Succeed())
		Expect(found).To(ConsistOf(And(HaveField("BaseURL", "https://scim.example.com/scim/v2"), HaveField("Token.SecretName", "okta-token"))))
	})

	It("says what was refused last, and what would let it in", func(ctx SpecContext) {
		t := newTenant(ctx)
		endpoint := &v1alpha1.ScimEndpoint{ObjectMeta: metav1.ObjectMeta{Name: "okta"}}
		Expect(t.scim(ctx, "connection").Err).To(ContainSubstring("has no ScimEndpoint"))
		Expect(t.Create(ctx, endpoint)).To(Succeed())
		endpoint.Status.Refusals = []v1alpha1.Refusal{{
			Reason: v1alpha1.RefusalUnknownToken, Message: "no endpoint has the token", Remedy: "paste it again", Source: "203.0.113.7", Count: 3,
			FirstAt: v1alpha1.NewTimestamp(metav1.Now().Time), LastAt: v1alpha1.NewTimestamp(metav1.Now().Time),
		}}
		Expect(t.Status().Update(ctx, endpoint)).To(Succeed())
		shown := t.scim(ctx, "connection")
		Expect(shown.Code).To(Equal(cli.ExitWrong), "it is not ready")
		Expect(shown.Out).To(And(ContainSubstring("WAITS"), ContainSubstring("UnknownToken"), ContainSubstring("from 203.0.113.7, 3 times"), ContainSubstring("paste it again")))
	})
})

// answer is somebody who does something before he answers.
type answer struct {
	before func()
	text   io.Reader
}

func (a *answer) Read(into []byte) (int, error) {
	if a.before != nil {
		a.before()
		a.before = nil
	}
	return a.text.Read(into)
}

var _ = Describe("release", func() {
	It("lets happen what was shown, to whoever may, and nothing that is held since", func(ctx SpecContext) {
		t := newRunning(ctx, func(e *v1alpha1.ScimEndpoint) {
			e.Spec.Safety = v1alpha1.ScimEndpointSafety{MaxDisablePercent: new(int32(0)), MinDisableCount: new(int32(1))}
		})
		t.grant(ctx)
		Expect(t.scim(ctx, "release", "--as", "viewer")).To(And(HaveField("Code", cli.ExitOK), HaveField("Err", ContainSubstring("holds nothing"))))
		var users []*v1alpha1.ScimUser
		for i := range 4 {
			user := newUser(fmt.Sprintf("user%d@example.com", i), fmt.Sprintf("User %d", i))
			t.settled(ctx, user, v1alpha1.ReasonReady)
			users = append(users, user)
		}
		leave := func(user *v1alpha1.ScimUser) {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				g.Expect(t.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
				user.Spec.Active = new(false)
				g.Expect(t.Update(ctx, user)).To(Succeed())
			}).Should(Succeed())
		}
		held := func(count int64, after int64) int64 {
			GinkgoHelper()
			endpoint := &v1alpha1.ScimEndpoint{}
			Eventually(func(g Gomega) {
				g.Expect(t.Get(ctx, client.ObjectKey{Name: "okta"}, endpoint)).To(Succeed())
				g.Expect(endpoint.Status.Held).NotTo(BeNil())
				g.Expect(endpoint.Status.Held.Count).To(Equal(count))
				g.Expect(endpoint.Status.Held.Generation).To(BeNumerically(">", after))
			}).Should(Succeed())
			return endpoint.Status.Held.Generation
		}
		leave(users[0])
		Eventually(func(g Gomega) { // else the brake would count the other one first
			person := &v1alpha1.Person{}
			g.Expect(t.Get(ctx, client.ObjectKey{Name: users[0].Status.Person.Name}, person)).To(Succeed())
			g.Expect(person.Spec.Disabled).To(BeTrue())
		}).Should(Succeed())
		leave(users[1])
		t.eventually(ctx, users[1], v1alpha1.ReasonHeld)
		shownGeneration := held(1, 0)

		By("showing it")
		shown := t.scim(ctx, "release", "--dry-run", "--as", "viewer")
		Expect(shown).To(HaveField("Code", cli.ExitWrong))
		Expect(shown.Out).To(And(ContainSubstring("1 will be disabled"), ContainSubstring("because the SCIM client said so"), ContainSubstring("user1@example.com (Disable)")))
		var found []action.Held
		Expect(json.Unmarshal([]byte(t.scim(ctx, "release", "-o", "json").Out), &found)).To(Succeed())
		Expect(found).To(ConsistOf(And(HaveField("Count", 1), HaveField("Generation", shownGeneration))))

		By("refusing it")
		t.input = strings.NewReader("n\n")
		Expect(t.scim(ctx, "release")).To(And(HaveField("Code", cli.ExitWrong), HaveField("Err", ContainSubstring("Nothing was released"))))
		shown = t.scim(ctx, "release", "--yes", "--as", "editor")
		Expect(shown.Code).To(Equal(cli.ExitError))
		Expect(shown.Err).To(And(ContainSubstring(`User "editor" cannot patch resource "scimendpoints"`), ContainSubstring("ClusterRole scim-account-owner has this right")))

		By("releasing what was shown, while more is held")
		t.input = &answer{text: strings.NewReader("y\n"), before: func() {
			leave(users[2])
			t.eventually(ctx, users[2], v1alpha1.ReasonHeld)
			held(2, shownGeneration)
		}}
		shown = t.scim(ctx, "release", "--as", "account-owner")
		Expect(shown).To(HaveField("Code", cli.ExitOK), shown.Err)
		t.eventually(ctx, users[1], v1alpha1.ReasonReady)
		Eventually(func(g Gomega) {
			endpoint := &v1alpha1.ScimEndpoint{}
			g.Expect(t.Get(ctx, client.ObjectKey{Name: "okta"}, endpoint)).To(Succeed())
			g.Expect(endpoint.Status.Held.ReleasedGeneration).To(Equal(shownGeneration))
		}).Should(Succeed())
		Expect(action.Release(ctx, t.Client, t.namespace, "okta", shownGeneration)).To(MatchError(ContainSubstring("released already")))
		Expect(action.Release(ctx, t.Client, t.namespace, "okta", shownGeneration+1000)).To(MatchError(ContainSubstring("holds no generation")))
	})
})

var _ = Describe("rerun", func() {
	It("runs the rules again, and says what came of it", func(ctx SpecContext) {
		t := newRunning(ctx)
		t.grant(ctx)
		anna := newUser("anna@example.com", "Anna Smith")
		t.settled(ctx, anna, v1alpha1.ReasonReady)
		badge := newUser("badge-17", "Badge 17")
		t.settled(ctx, badge, v1alpha1.ReasonPersonMissing)

		shown := t.scim(ctx, "rerun", "anna@example.com", "--as", "viewer")
		Expect(shown.Code).To(Equal(cli.ExitError))
		Expect(shown.Err).To(And(ContainSubstring(`cannot patch resource "scimusers"`), ContainSubstring("ClusterRole scim-editor has this right")))

		patience := "--timeout=10m"
		shown = t.scim(ctx, "rerun", "anna@example.com", "--wait", patience, "--as", "editor")
		Expect(shown.Code).To(Equal(cli.ExitOK), shown.Err)
		Expect(shown.Out).To(And(ContainSubstring("asked for a run"), ContainSubstring("Ready: ")))
		execution := &v1alpha1.AutomationRuleExecution{}
		Expect(t.Get(ctx, client.ObjectKey{Name: "default-user-mapping-" + anna.Name}, execution)).To(Succeed())
		Expect(execution.Status.Trigger).To(Equal(v1alpha1.TriggerRequested))

		shown = t.scim(ctx, "rerun", "default-user-mapping", "badge-17", "--wait", patience, "--as", "editor")
		Expect(shown.Code).To(Equal(cli.ExitWrong), shown.Err)
		Expect(shown.Out).To(And(ContainSubstring("automationrule.provisioning.rservice.dev/default-user-mapping (default-user-mapping): "), ContainSubstring("PersonMissing: ")))
		Expect(t.scim(ctx, "rerun", anna.Name, "-o", "name").Out).To(Equal("scimuser.provisioning.rservice.dev/" + anna.Name + "\n"))
		Expect(t.scim(ctx, "rerun", anna.Name, "nobody@example.com")).To(And(HaveField("Out", ""), HaveField("Code", cli.ExitError)))
	})
})

var _ = Describe("rules", func() {
	It("are tested and previewed as by the operator's command, with the flags of kubectl", func(ctx SpecContext) {
		t := newTenant(ctx)
		t.grant(ctx)
		folder := filepath.Join("..", "..", "config", "rules")
		Expect(t.scim(ctx, "rules", "lint", "--filename", folder)).To(HaveField("Code", cli.ExitOK))
		Expect(t.scim(ctx, "rules", "lint", folder)).To(HaveField("Err", ContainSubstring("kubectl scim rules lint -f "+folder)))
		Expect(t.scim(ctx, "rules", "test", "-f", folder, "--cases", filepath.Join(folder, "cases")).Out).To(HaveSuffix(" 0 failed\n"))
		Expect(t.Create(ctx, newUser("anna@example.com", "Anna Smith"))).To(Succeed())
		shown := t.scim(ctx, "rules", "preview", "-f", folder, "--as", "viewer")
		Expect(shown.Out).To(ContainSubstring("would create 1 person"), shown.Err)
		Expect(t.scim(ctx, "rules", "preview", "-f", folder, "--as", "nobody").Err).To(ContainSubstring("ClusterRole scim-viewer has this right"))
		broken := filepath.Join(GinkgoT().TempDir(), "rule.yaml")
		data, err := os.ReadFile(filepath.Join(folder, "default-user-mapping.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(broken, []byte(strings.Replace(string(data), "user.displayName,", "user.displayNam,", 1)), 0o600)).To(Succeed())
		shown = t.scim(ctx, "rules", "lint", "-f", broken)
		Expect(shown).To(And(HaveField("Code", cli.ExitWrong), HaveField("Out", ContainSubstring("displayNam"))))
	})
})
