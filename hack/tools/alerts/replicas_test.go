package alerts

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

const (
	// interval is that of scrapes and evaluations.
	interval = 30 * time.Second
	// evaluations are four hours.
	evaluations = 480
)

// Two replicas as they are scraped; {L} stands for the labels of a leader election, {A} and {B} for those of the replicas. At 20 minutes replica a
// crashes, and b leads 70 seconds later, when the lease has run out.
const (
	leaderA = "leader_election_master_status{L,A} 1x480\nleader_election_master_status{L,B} 0x480\n"
	crashOf = "leader_election_master_status{L,A} 1x40 stale\nleader_election_master_status{L,B} 0x42 1x437\n"
)

// scenarios say when an alert fires, and for what. Times are from the start.
var scenarios = []struct {
	name, alert, series string
	want                []string
}{
	{"a standby's queue is full because it is warmed up", "ScimQueueGrowing", leaderA +
		`workqueue_depth{controller="scimuser",A} 0x480` + "\n" + `workqueue_depth{controller="scimuser",B} 1300x480`, nil},
	{"the leader's queue is full, and goes on to be so after a crash", "ScimQueueGrowing", crashOf +
		`workqueue_depth{controller="scimuser",A} 1300x40 stale` + "\n" + `workqueue_depth{controller="scimuser",B} 1300x480`,
		[]string{`30m0s to the end: {controller="scimuser"} 1300`}},
	{"a queue is full where there is one process without election", "ScimQueueGrowing",
		`workqueue_depth{controller="scimuser",A} 1300x480`, []string{`30m0s to the end: {controller="scimuser"} 1300`}},
	{"the leader's queue is full for a while", "ScimQueueGrowing", leaderA +
		`workqueue_depth{controller="scimuser",A} 5000x20 0x460` + "\n" + `workqueue_depth{controller="scimuser",B} 0x480`, nil},

	{"something is held, and the leader crashes", "ScimHeld",
		`scim_subjects_not_ready{HELD,A} 30x40 stale` + "\n" + `scim_subjects_not_ready{HELD,B} 30x480`, []string{`0s to the end: {namespace="acme"} 30`}},
	{"something is held, and the only replica is replaced", "ScimHeld",
		`scim_subjects_not_ready{HELD,A} 30x40 stale` + "\n" + `scim_subjects_not_ready{HELD,B} _x44 30x436`, []string{`0s to the end: {namespace="acme"} 30`}},
	{"what is held is released", "ScimHeld",
		`scim_subjects_not_ready{HELD,A} 30x40 0x440` + "\n" + `scim_subjects_not_ready{HELD,B} 30x40 0x440`, []string{`0s to 20m0s: {namespace="acme"} 30`}},
	{"Persons without a user are held besides, as two replicas say", "ScimHeld",
		`scim_subjects_not_ready{HELD,A} 30x480` + "\n" + `scim_subjects_not_ready{HELD,B} 30x480` + "\n" +
			`scim_subjects_not_ready{ORPHANS,A} 4x480` + "\n" + `scim_subjects_not_ready{ORPHANS,B} 4x480`, []string{`0s to the end: {namespace="acme"} 34`}},
	{"nothing is held", "ScimHeld", `scim_subjects_not_ready{HELD,A} 0x480`, nil},

	{"the brake is off for a while, and a replica crashes", "ScimBrakeWeakened",
		`scim_brake_weakened{namespace="acme",A} 0x20 1x20 stale` + "\n" + `scim_brake_weakened{namespace="acme",B} 0x20 1x60 0x400`,
		[]string{`10m30s to 40m30s: {namespace="acme"} 1`}},
	{"a token ends after an hour, is told half an hour before, and a replica crashes", "ScimCredentialExpiring",
		`scim_credential_expires_timestamp_seconds{namespace="acme",endpoint="okta",A} _x60 3600x40 stale` + "\n" +
			`scim_credential_expires_timestamp_seconds{namespace="acme",endpoint="okta",B} _x60 3600x420`,
		[]string{`30m0s to 59m30s: {endpoint="okta", namespace="acme"} 3600`}},
	{"a token has ended, until there is a new one", "ScimCredentialExpired",
		`scim_credential_expires_timestamp_seconds{namespace="acme",endpoint="okta",A} _x60 3600x100 stale`,
		[]string{`1h0m0s to 1h24m30s: {endpoint="okta", namespace="acme"} 3600`}},
	{"a token that ends is replaced before", "ScimCredentialExpired",
		`scim_credential_expires_timestamp_seconds{namespace="acme",endpoint="okta",A} _x60 3600x10 stale`, nil},
	{"the brake is as it should be", "ScimBrakeWeakened", `scim_brake_weakened{namespace="acme",A} 0x480`, nil},

	{"a rule fails, and the leader crashes", "ScimRuleFailing",
		`scim_rule_failed_subjects{RULE,A} 20x40 stale` + "\n" + `scim_rule_failed_subjects{RULE,B} 20x480`,
		[]string{`30m0s to the end: {namespace="acme", rule="location"} 20`}},
	{"a rule fails, and all replicas are replaced one after the other", "ScimRuleFailing",
		`scim_rule_failed_subjects{RULE,A} 20x40 stale` + "\n" + `scim_rule_failed_subjects{RULE,B} 20x44 stale` + "\n" +
			`scim_rule_failed_subjects{RULE,C} _x43 20x437`,
		[]string{`30m0s to the end: {namespace="acme", rule="location"} 20`}},
	{"a rule fails for a while", "ScimRuleFailing",
		`scim_rule_failed_subjects{RULE,A} 20x70 0x410` + "\n" + `scim_rule_failed_subjects{RULE,B} 20x70 0x410`,
		[]string{`30m0s to 35m0s: {namespace="acme", rule="location"} 20`}},

	{"users are not ready, and the only replica is replaced", "ScimUsersNotReady",
		`scim_subjects_not_ready{PENDING,A} 30x40 stale` + "\n" + `scim_subjects_not_ready{PENDING,B} _x44 30x436` + "\n" +
			`scim_subjects{USERS,A} 100x40 stale` + "\n" + `scim_subjects{USERS,B} _x44 100x436`,
		[]string{`30m0s to the end: {namespace="acme"} 0.3`}},
	{"few users are not ready, as two replicas say", "ScimUsersNotReady",
		`scim_subjects_not_ready{PENDING,A} 6x480` + "\n" + `scim_subjects_not_ready{PENDING,B} 6x480` + "\n" +
			`scim_subjects{USERS,A} 100x480` + "\n" + `scim_subjects{USERS,B} 100x480`, nil},

	{"reprocessing is stuck, and the leader crashes", "ScimReprocessingStuck",
		`scim_reprocessing_backlog{USERS,A} 50x40 stale` + "\n" + `scim_reprocessing_backlog{USERS,B} _x43 50x437`,
		[]string{`45m0s to the end: {kind="ScimUser", namespace="acme"} 50`}},
	{"reprocessing starts anew after a crash, and goes on", "ScimReprocessingStuck",
		`scim_reprocessing_backlog{USERS,A} 90000-200x40 stale` + "\n" + `scim_reprocessing_backlog{USERS,B} _x43 90000-205x436`, nil},

	{"the leader crashes", "ScimOperatorNoLeader", crashOf, nil},
	{"no replica gets to lead", "ScimOperatorNoLeader",
		"leader_election_master_status{L,A} 1x40 stale\nleader_election_master_status{L,B} 0x480", []string{`25m30s to the end: {} 0`}},

	{"reconciles fail, and the leader crashes", "ScimReconcilesFailing",
		`controller_runtime_reconcile_total{controller="person",result="error",A} 0+30x40 stale` + "\n" +
			`controller_runtime_reconcile_total{controller="person",result="success",A} 0+30x40 stale` + "\n" +
			`controller_runtime_reconcile_total{controller="person",result="error",B} 0x43 30+30x436` + "\n" +
			`controller_runtime_reconcile_total{controller="person",result="success",B} 0x43 30+30x436`,
		[]string{`15m30s to the end: {controller="person"} 0.5`}},
}

// panels say what a panel shows at 15 minutes.
var panels = []struct{ name, title, series, want string }{
	{"a counter that is born at 30", "Held by the safety brake",
		`scim_holds_total{namespace="acme",effect="Disable",A} _x20 30x460` + "\n" + `scim_holds_total{namespace="acme",effect="Disable",B} 0x480` + "\n" +
			`scim_subjects_not_ready{HELD,A} 0x20 30x460` + "\n" + `scim_subjects_not_ready{HELD,B} 0x20 30x460`, `{namespace="acme"} 30`},
	{"two replicas that tell the same", "Users and groups",
		`scim_subjects{USERS,A} 100x480` + "\n" + `scim_subjects{USERS,B} 100x480`, `{kind="ScimUser", namespace="acme"} 100`},
	{"two replicas that tell the same", "Users and groups that are not Ready",
		`scim_subjects_not_ready{PENDING,A} 7x480` + "\n" + `scim_subjects_not_ready{PENDING,B} 7x480`, `{kind="ScimUser", namespace="acme", reason="Pending"} 7`},
	{"two replicas that tell the same", "Failing rules",
		`scim_rule_failed_subjects{RULE,A} 20x480` + "\n" + `scim_rule_failed_subjects{RULE,B} 20x480`, `{namespace="acme", rule="location"} 20`},
	{"a standby that is warmed up", "Waiting to be reconciled", leaderA +
		`workqueue_depth{controller="scimuser",A} 3x480` + "\n" + `workqueue_depth{controller="scimuser",B} 1300x480`, `{controller="scimuser"} 3`},
}

var spelledOut = strings.NewReplacer(
	"L,", `name="scim-operator.provisioning.rservice.dev",`,
	"HELD,", `namespace="acme",kind="ScimUser",reason="Held",`,
	"ORPHANS,", `namespace="acme",kind="Person",reason="Held",`,
	"PENDING,", `namespace="acme",kind="ScimUser",reason="Pending",`,
	"USERS,", `namespace="acme",kind="ScimUser",`,
	"RULE,", `namespace="acme",rule="location",`,
	"A}", `job="scim-operator-metrics",instance="10.0.0.1:8081",pod="a"}`,
	"B}", `job="scim-operator-metrics",instance="10.0.0.2:8081",pod="b"}`,
	"C}", `job="scim-operator-metrics",instance="10.0.0.3:8081",pod="c"}`,
)

func TestAlertsOfReplicas(t *testing.T) {
	alerts := map[string]rule{}
	for _, r := range readRules(t) {
		alerts[r.Alert] = r
	}
	for _, s := range scenarios {
		t.Run(s.alert+": "+s.name, func(t *testing.T) {
			got := firing(t, alerts[s.alert], s.series)
			if !slices.Equal(got, s.want) {
				t.Errorf("it fires\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(s.want, "\n  "))
			}
		})
	}
}

func query(t *testing.T, series string) rules.QueryFunc {
	t.Helper()
	load := "load " + interval.String() + "\n"
	for line := range strings.Lines(spelledOut.Replace(series)) {
		load += "  " + line
	}
	storage := promqltest.LoadedStorage(t, load)
	return rules.EngineQueryFunc(promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery), storage)
}

// firing tells from when to when an alert fires, as Prometheus' own rule does, and for what.
func firing(t *testing.T, r rule, series string) []string {
	t.Helper()
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
	if err != nil {
		t.Fatal(err)
	}
	var hold time.Duration
	if r.For != "" {
		if hold, err = time.ParseDuration(r.For); err != nil {
			t.Fatal(err)
		}
	}
	alerting := rules.NewAlertingRule(r.Alert, expression, hold, 0, labels.EmptyLabels(), labels.EmptyLabels(), labels.EmptyLabels(), "", true,
		promslog.NewNopLogger())
	ask := query(t, series)
	type period struct {
		from, to time.Duration
		value    float64
	}
	open, told := map[string]*period{}, []string{}
	tell := func(what string, p *period, until string) {
		told = append(told, fmt.Sprintf("%s to %s: %s %.4g", p.from, until, what, p.value))
		delete(open, what)
	}
	for i := range evaluations {
		now := time.Duration(i) * interval
		if _, err := alerting.Eval(t.Context(), 0, time.Unix(0, 0).UTC().Add(now), ask, &url.URL{}, 0); err != nil {
			t.Fatal(err)
		}
		for _, alert := range alerting.ActiveAlerts() {
			what := labels.NewBuilder(alert.Labels).Del(labels.AlertName).Labels().String()
			if alert.State != rules.StateFiring {
				continue
			}
			if open[what] == nil {
				open[what] = &period{from: now, value: alert.Value}
			}
			open[what].to = now
		}
		for what, p := range open {
			if p.to < now {
				tell(what, p, p.to.String())
			}
		}
	}
	for what, p := range open {
		tell(what, p, "the end")
	}
	slices.Sort(told)
	return told
}

func TestPanelsOfReplicas(t *testing.T) {
	dashboard := readDashboard(t)
	for _, p := range panels {
		t.Run(p.title+": "+p.name, func(t *testing.T) {
			i := slices.IndexFunc(dashboard, func(candidate panel) bool { return candidate.Title == p.title })
			if i < 0 {
				t.Fatal("there is no such panel")
			}
			ask := query(t, p.series)
			found, err := ask(t.Context(), strings.ReplaceAll(dashboard[i].Targets[0].Expr, "$__rate_interval", "2m"), time.Unix(0, 0).Add(15*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, sample := range found {
				got = append(got, fmt.Sprintf("%s %g", sample.Metric, sample.F))
			}
			if strings.Join(got, "; ") != p.want {
				t.Errorf("it shows %q, want %q", got, p.want)
			}
		})
	}
}
