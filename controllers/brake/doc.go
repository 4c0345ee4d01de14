// Package brake holds what would disable, enable or give another address to too many Persons at once: it counts what
// provisioning has done of late, forecasts what rules would do, decides, and tells on a ScimEndpoint what it holds.
package brake
