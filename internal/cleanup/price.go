package cleanup

import (
	"cmp"
	"math"
)

// PricesRead is when the prices were written down.
const PricesRead = "2026-11-25"

// Prices of storing, in USD for a GiB and month.
type Prices struct {
	Region string
	Given  float64 // for every class; 0 = the table's
	AWS    bool    // the table is AWS's, and of no use for others
}

// table is what S3 takes for the first 50 TB, by region and storage class. A
// region or class that is not in it has no price here: none is guessed.
//
// Source: https://aws.amazon.com/s3/pricing/ (recalled on PricesRead, not read
// again: the amounts are for orientation).
var table = map[string]map[string]float64{
	"us-east-1":    americas,
	"us-east-2":    americas,
	"us-west-2":    americas,
	"eu-west-1":    {standard: 0.023, "STANDARD_IA": 0.0125, "ONEZONE_IA": 0.01, "INTELLIGENT_TIERING": 0.023},
	"eu-central-1": {standard: 0.0245, "STANDARD_IA": 0.0135, "ONEZONE_IA": 0.0108, "INTELLIGENT_TIERING": 0.0245},
}

var americas = map[string]float64{standard: 0.023, "STANDARD_IA": 0.0125, "ONEZONE_IA": 0.01, "INTELLIGENT_TIERING": 0.023, "GLACIER_IR": 0.004}

const standard = "STANDARD"

// Month is what keeping so many bytes in that class costs a month, in USD; ok
// says whether it is known. Parts on their way into the two archive classes are
// charged as STANDARD until the upload is complete.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
// (recalled, not read again).
func (p Prices) Month(class string, bytes int64) (usd float64, ok bool) {
	price := p.Given
	if price == 0 {
		class = cmp.Or(class, standard)
		if class == "GLACIER" || class == "DEEP_ARCHIVE" {
			class = standard
		}
		price = table[p.Region][class]
		if !p.AWS || price == 0 {
			return 0, false
		}
	}
	return price * float64(bytes) / math.Pow(2, 30), true
}
