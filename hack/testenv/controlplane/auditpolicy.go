package controlplane

// auditPolicy logs who wrote what, never the objects: when a write arrives, before it is handled, and when it is done.
// The first entry tells a reader which writes are still under way.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
rules:
  - level: None
    verbs: [get, list, watch]
  - level: Metadata
`
