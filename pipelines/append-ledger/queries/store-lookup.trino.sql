-- One row by its full key: its latest image. The key is explicit, so the canaries are looked up with
-- it too.
SELECT
  store_id, sku_id,
  max_by(on_hand, version) AS on_hand, max(version) AS version, max_by(event_id, version) AS event_id
FROM ice.${namespace}.inventory
WHERE store_id = $store AND sku_id = $sku
GROUP BY store_id, sku_id
HAVING NOT max_by(deleted, version);
