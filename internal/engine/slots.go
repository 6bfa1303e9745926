package engine
const DefaultConnections = 8
type Slots struct{}
func NewSlots(n int) *Slots {return nil}
