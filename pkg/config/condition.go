package config

import "encoding/json"

// Condition is what a controller found about an object, as metav1.Condition defines it.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"` // "True", "False" or "Unknown"
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// ObservedGeneration is the generation of the object that was judged, "" when it is not told. Some controllers write it as text.
	ObservedGeneration json.Number `json:"observedGeneration"`
}

// conditionsOf reads the conditions of a status. What a controller wrote in another form is nobody's mistake, and left out.
func conditionsOf(status json.RawMessage) []Condition {
	if len(status) == 0 {
		return nil
	}
	var body struct {
		Conditions []Condition `json:"conditions"`
	}
	if json.Unmarshal(status, &body) != nil {
		return nil
	}
	return body.Conditions
}
